"""Files of ours, opened so that nobody can have put a link to another file in their place."""

import errno
import os
import stat
from pathlib import Path

_A_LINK = "it is a link, and none is followed here: remove it"
_NO_FILE = "it is not a file: remove it"
_NO_DIRECTORY = "it is not a directory: remove it"
_ANOTHERS = "it belongs to user {found}, not to {owner}: remove it, or run this as that user"


def open_own(path: Path, flags: int, mode: int = 0o600) -> int:
    """The descriptor of a plain file, which `mode` is for where it is made.

    Raises OSError, with what to do about it, where it is a link or no file.
    """
    try:
        # Not waiting: somebody may have put a named pipe there.
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, _A_LINK, str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, _NO_FILE, str(path))
    return descriptor


def read_own(path: Path, *, owned: bool = False) -> str:
    """The text of such a file; `owned` refuses one that belongs to another user, with OSError."""
    with open(open_own(path, os.O_RDONLY), encoding="utf-8", errors="replace") as file:
        if owned:
            _check_owner(path, os.fstat(file.fileno()), os.geteuid())
        return file.read()


def write_own(path: Path, text: str) -> None:
    """The file holds this text, for us alone; who reads it meanwhile sees the old or the new."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with open(open_own(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w", encoding="utf-8") as file:
        file.write(text)
    new.rename(path)


def check_directory(path: Path, owner: int | None = None) -> None:
    """Raise OSError unless this is a directory itself, no link to one, and ours.

    `owner` is the number of the user who has to own it, where that is not us.
    """
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, _A_LINK, str(path))
    if not stat.S_ISDIR(found.st_mode):
        raise OSError(errno.ENOTDIR, _NO_DIRECTORY, str(path))
    _check_owner(path, found, os.geteuid() if owner is None else owner)


def _check_owner(path: Path, found: os.stat_result, owner: int) -> None:
    if found.st_uid != owner:
        words = _ANOTHERS.format(found=found.st_uid, owner=owner)
        raise OSError(errno.EPERM, words, str(path))
