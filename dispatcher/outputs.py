"""Files that are written for a person: private, whole or not there, harmless in a spreadsheet."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import TextIO

_FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
_STREAMS = frozenset(map(Path, ("/dev/fd", "/proc/self/fd")))
_STREAM_LINKS = {Path("/dev/stdin"): 0, Path("/dev/stdout"): 1, Path("/dev/stderr"): 2}


def harmless(cell: object) -> object:
    """A text that a spreadsheet would compute gets an apostrophe in front."""
    if isinstance(cell, str) and cell.startswith(_FORMULA_BEGINS):
        return f"'{cell}"
    return cell


def obstacle(path: Path) -> str | None:
    """Why nothing can be written to `path`, as the end of a sentence; None where nothing bars it.

    A link is not followed, as somebody else may have put it there; nor is a pipe of another user's
    written to.
    """
    if not path.parent.is_dir():
        return "its directory is missing"
    if path.is_symlink() and not _is_stream(path):
        return "it is a link, and links are not followed"
    if path.is_dir():
        return "it is a directory"
    if path.is_fifo() and not _is_stream(path) and path.stat().st_uid != os.geteuid():
        return "it is a pipe of another user's"
    if not os.access(path if _is_special(path) else path.parent, os.W_OK):
        return "permission denied"
    return None


@contextmanager
def written(path: Path) -> Iterator[TextIO]:
    """A text file in UTF-8 that appears as `path` at the end, whole, or not at all.

    A new one is its owner's alone (0600); one that was there leaves its mode to the new one. Until
    then it has a name that nobody can foresee. A pipe or a device is written to as it is. Raises
    OSError.
    """
    if _is_special(path):
        # What is open already goes on where it stands: to open it again would overwrite a file.
        target = os.dup(_descriptor(path)) if _is_stream(path) else path
        with open(target, "w", encoding="utf-8", newline="") as file:
            yield file
        return
    descriptor, name = mkstemp(prefix=".dispatcher-", dir=path.parent)
    unfinished = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            _keep_mode(path, file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _keep_mode(path: Path, descriptor: int) -> None:
    """Give a file the owner and the mode of the one that it is to replace."""
    with suppress(FileNotFoundError):
        before = path.lstat()
        if stat.S_ISREG(before.st_mode):
            with suppress(PermissionError):
                os.fchown(descriptor, before.st_uid, before.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(before.st_mode) & 0o777)


def _is_stream(path: Path) -> bool:
    """Whether the system says by this path what this process has open."""
    return path in _STREAM_LINKS or (path.parent in _STREAMS and path.name.isdigit())


def _descriptor(path: Path) -> int:
    return _STREAM_LINKS[path] if path in _STREAM_LINKS else int(path.name)


def _is_special(path: Path) -> bool:
    return _is_stream(path) or (path.exists() and not path.is_symlink() and not path.is_file())
