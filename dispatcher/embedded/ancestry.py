"""Whether a directory is where root believes it to be: nobody else can replace it, or a parent."""

import errno
import os
import stat
from pathlib import Path

_ROOT = 0
_MOST_LINKS = 40


def check_ancestry(directory: Path) -> None:
    """Raise OSError where root is us, and another user could put a directory in this one's place.

    Checked is every step from `/`, and of links what they lead to. What does not exist yet will be
    made by us.
    """
    if os.geteuid() != _ROOT:
        return
    # Whoever has `/` has everything: in some containers that is a user without a name.
    trusted = {_ROOT, os.lstat("/").st_uid}
    steps, reached = list(directory.absolute().parts[1:]), Path("/")
    links = 0
    while steps:
        step = steps.pop(0)
        reached = reached.parent if step == ".." else reached / step
        try:
            found = reached.lstat()
        except FileNotFoundError:
            return
        _check(reached, found, trusted)
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(directory))
            target = Path(os.readlink(reached))
            reached = Path("/") if target.is_absolute() else reached.parent
            steps = [part for part in target.parts if part != "/"] + steps


def _check(path: Path, found: os.stat_result, trusted: set[int]) -> None:
    if found.st_uid not in trusted:
        raise OSError(
            errno.EPERM,
            f"it belongs to user {found.st_uid}, who could put a link in the place of what root "
            "writes: run this as that user, or set DISPATCHER_HOME to a directory of root's",
            str(path),
        )
    writers = stat.S_IWOTH if found.st_gid == _ROOT else stat.S_IWOTH | stat.S_IWGRP
    is_open = not stat.S_ISLNK(found.st_mode) and found.st_mode & writers
    if is_open and not found.st_mode & stat.S_ISVTX:
        raise OSError(
            errno.EPERM,
            "others may write there, and put a link in the place of what root writes: take that "
            "right away (chmod go-w), or set DISPATCHER_HOME to a directory of root's",
            str(path),
        )
