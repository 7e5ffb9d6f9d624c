"""Programs of ours that run beside a test, and what they say."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.error import URLError
from urllib.request import urlopen

import orjson


@dataclass(frozen=True, slots=True)
class Program:
    """A running program; `log` is the file with all that it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def has_said(self, words: str) -> bool:
        """Whether these words stand in its log; AssertionError once it has ended."""
        said = self.log.read_text(encoding="utf-8")
        assert self.process.poll() is None, said
        return words in said

    def answers(self, url: str) -> bool:
        """Whether the program serves this page by now; AssertionError once it has ended."""
        self.has_said("")
        try:
            with urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except URLError:
            return False

    def end(self, within: float) -> int:
        """Ask it to end, as `docker stop` does; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=within)


@contextmanager
def running(
    command: Sequence[str], environment: dict[str, str], directory: Path
) -> Iterator[Program]:
    """The program, with its directory as the working directory; gone with the block."""
    log = directory / f"{'-'.join(Path(word).name for word in command[:2])}.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            executable=found(command[0], environment),
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Program(process, log)
        finally:
            if process.poll() is None:
                process.kill()


def run(
    command: Sequence[str], environment: dict[str, str], directory: Path, *, status: int = 0
) -> str:
    """What the program prints; it has to end with this status."""
    finished = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        executable=found(command[0], environment),
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == status, f"{finished.stdout}\n{finished.stderr}"
    return finished.stdout


def run_json(
    command: Sequence[str], environment: dict[str, str], directory: Path
) -> dict[str, Any]:
    """The document that the program prints; its status has to be 0."""
    return cast(dict[str, Any], orjson.loads(run(command, environment, directory)))


def found(name: str, environment: dict[str, str]) -> str:
    """The program on the environment's own PATH, not on the test's."""
    for directory in environment["PATH"].split(os.pathsep):
        if os.access(Path(directory, name), os.X_OK):
            return str(Path(directory, name))
    raise AssertionError(f"{name} is not in {environment['PATH']}")
