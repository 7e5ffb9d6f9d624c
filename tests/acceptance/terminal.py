"""A program on a terminal of its own: its keys are pressed, and what it shows is read."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.acceptance.program import Program

_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_HOME = "\x1b[H"


class Terminal:
    """The terminal's other end."""

    def __init__(self, process: subprocess.Popen[bytes], end: int) -> None:
        self.process = process
        self._end = end
        self._said = b""
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def said(self) -> str:
        """Everything that was ever written to it."""
        return self._said.decode(errors="replace")

    @property
    def page(self) -> str:
        """What stands on it now, if it is drawn whole each time."""
        *_, last = self.said.split(_HOME)
        return _STEERING.sub("", last).replace("\r", "")

    def press(self, keys: str) -> None:
        """Press these keys."""
        os.write(self._end, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Make it so large."""
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        with suppress(OSError):
            while read := os.read(self._end, 65_536):
                self._said += read


@contextmanager
def on_a_terminal(program: Program, *command: str, columns: int = 80) -> Iterator[Terminal]:
    """The command on a terminal of 24 lines, which ends with the block."""
    end, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        ["setsid", "--ctty", *command],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env={**program.environment, "TERM": "xterm-256color"},
        cwd=program.directory,
    )
    os.close(inside)
    try:
        yield Terminal(process, end)
    finally:
        process.kill()
        process.wait()
        os.close(end)
