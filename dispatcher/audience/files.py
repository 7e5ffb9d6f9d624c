"""One file, opened once: what is read of it is that file, whoever renames or replaces it.

Pipes are files too, and so are `/dev/stdin` and the shell's `<(...)`: their bytes come but once.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dispatcher.audience.parts import shown
from dispatcher.errand import Errand
from dispatcher.errors import AudienceError

WAIT_FOR_WRITER = 10.0
"""Seconds that a named pipe may be without anybody who writes into it."""

_DESCRIPTORS = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open file; `path` leads to it, under whatever name and whether or not it still has one."""

    name: str
    descriptor: int
    path: Path
    begun: os.stat_result

    @property
    def comes_once(self) -> bool:
        """Whether its bytes are gone once they are read: a pipe, or a terminal."""
        return not stat.S_ISREG(self.begun.st_mode)

    def check_unchanged(self) -> None:
        """Raise AudienceError where it was written to since it was opened, and is not a pipe."""
        now = self.begun if self.comes_once else os.fstat(self.descriptor)
        if (now.st_size, now.st_mtime_ns) != (self.begun.st_size, self.begun.st_mtime_ns):
            raise AudienceError(
                f"The audience {self.name} changed while it was read: give it again when nobody "
                "writes to it any more."
            )


@contextmanager
def opened(path: Path) -> Iterator[OpenFile]:
    """The file, open until the end. Raises AudienceError, which names it."""
    name = shown(path)
    try:
        descriptor = _open(path, name)
    except FileNotFoundError as error:
        raise AudienceError(f"The audience {name} does not exist.") from error
    except OSError as error:
        raise AudienceError(f"The audience {name} cannot be read: {error.strerror}.") from error
    try:
        begun = os.fstat(descriptor)
        if not (_is_readable(begun.st_mode) or os.isatty(descriptor)):
            raise AudienceError(f"The audience {name} is a device: give a file.")
        yield OpenFile(name, descriptor, _path_of(descriptor, path), begun)
    finally:
        os.close(descriptor)


def _open(path: Path, name: str) -> int:
    if not stat.S_ISFIFO(os.stat(path).st_mode):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    opening = Errand(lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    try:
        return opening.wait(WAIT_FOR_WRITER)
    except TimeoutError as error:
        raise AudienceError(
            f"The audience {name} is a pipe that nobody writes to: start what writes first."
        ) from error
    finally:
        if not opening.over:  # whoever opens the other end lets it come back
            with suppress(OSError):
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
                os.close(opening.wait(1))


def _is_readable(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _path_of(descriptor: int, path: Path) -> Path:
    """A path that leads to what is open where the system has such paths, or else its own."""
    return _DESCRIPTORS / str(descriptor) if _DESCRIPTORS.is_dir() else path.absolute()
