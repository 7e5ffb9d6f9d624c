"""`celery -A workers ...` as a process of its own."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import eventually

_START = 90
"""Seconds for a program to start on a busy machine."""


@dataclass(frozen=True)
class Program:
    """A running program, and what it has written so far."""

    process: subprocess.Popen[str]
    stdout: Path
    stderr: Path

    @property
    def log(self) -> str:
        """What it has logged."""
        return self.stderr.read_text()

    def says(self, words: str) -> None:
        """Wait until its log holds these words."""
        eventually(lambda: words in self.log, within=_START)

    def ends(self) -> int:
        """Wait for its end; its exit status."""
        return self.process.wait(timeout=_START)


def celery(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        ["celery", "-A", "workers", *arguments],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=_START,
    )


@contextmanager
def running(
    environment: Mapping[str, str], folder: Path, *arguments: str, ready: str | None = "ready."
) -> Iterator[Program]:
    """A command that goes on until it is told to stop; killed at the block's end if need be."""
    out, err = folder / f"{arguments[0]}.out", folder / f"{arguments[0]}.err"
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(
            ["celery", "-A", "workers", *arguments],
            env=dict(environment),
            stdout=stdout,
            stderr=stderr,
            text=True,
        )
    try:
        program = Program(process, out, err)
        if ready is not None:
            program.says(ready)
        yield program
    finally:
        process.kill()
        process.wait()


@contextmanager
def running_worker(
    environment: Mapping[str, str], folder: Path, *options: str, ready: str | None = "ready."
) -> Iterator[Program]:
    """A worker of eight slots."""
    with running(environment, folder, "worker", "-l", "INFO", "-c", "8", *options, ready=ready) as (
        program
    ):
        yield program
