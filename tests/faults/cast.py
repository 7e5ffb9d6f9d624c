"""Worker processes, as a person starts them, that a story may kill, freeze and thaw."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.faults import keeper


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process. Its parent keeps the process id from becoming another's."""

    pid: int
    slots: int
    log: Path

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        os.kill(self.pid, signal.SIGKILL)

    def freeze(self) -> None:
        """All its threads stand still."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """They go on where they stood."""
        os.kill(self.pid, signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to end, as a deployment does."""
        os.kill(self.pid, signal.SIGTERM)

    @property
    def lives(self) -> bool:
        """Whether the process has not ended."""
        return bool(psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE)

    def ports(self) -> set[int]:
        """Its own ends of its connections."""
        connections = psutil.Process(self.pid).net_connections(kind="tcp")
        return {connection.laddr.port for connection in connections if connection.laddr}

    def said(self) -> str:
        """Its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def hired(
    name: str, *, slots: int, environment: Mapping[str, str], directory: Path
) -> Iterator[Worker]:
    """A Celery worker of this name for as long as the block runs, at most as this process lives."""
    log = directory / f"{name}.log"
    command = [
        *(sys.executable, "-m", "celery", "-A", "workers", "worker"),
        *("-c", str(slots), "-n", f"{name}@story", "-l", "INFO"),
    ]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, keeper.__file__, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            cwd=directory,
            env=dict(environment),
            start_new_session=True,
        )
    with process:
        assert process.stdout is not None
        yield Worker(int(process.stdout.readline()), slots, log)
