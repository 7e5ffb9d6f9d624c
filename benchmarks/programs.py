"""Programs beside the benchmark; they end with it, however it ends."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.meters import wait_until
from dispatcher.embedded.programs import attached

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Program:
    """A running program, and the file that has all it says."""

    process: psutil.Process
    log: Path

    def said(self, words: str) -> int:
        """How often it has said these words."""
        return self.log.read_text(encoding="utf-8", errors="replace").count(words)


def output_of(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """What `python -m` these arguments prints, once it has ended well."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
        check=True,
    ).stdout


@contextmanager
def program(
    arguments: Sequence[str], *, environment: Mapping[str, str], directory: Path, name: str
) -> Iterator[Program]:
    """`python -m` these arguments for as long as the block runs."""
    log = directory / f"{name}.log"
    log.unlink(missing_ok=True)
    with attached(arguments, environment=environment, directory=directory, log=log):
        note = json.loads(log.with_suffix(".json").read_text(encoding="utf-8"))
        yield Program(psutil.Process(note["pid"]), log)


def environment() -> dict[str, str]:
    """What every program gets: nothing of the developer's own settings reaches it."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
    }


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def listens(port: int) -> bool:
    """Whether somebody listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def wait_for_port(running: Program, port: int) -> None:
    """Return when the program listens; TimeoutError otherwise."""
    wait_until(lambda: listens(port), within=20, what=f"{running.log.stem} listens")
