"""One starter at a time, and one server a directory: locks that end with the processes they serve.

A server inherits the descriptor that holds its directory's lock. While any of its processes lives,
the lock is held; no process id has to be believed, and none can be mistaken for another's.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dispatcher.errors import EmbeddedServerError
from dispatcher.own_files import open_own, read_own

POLL = 0.01
"""Seconds between two looks at something that is about to change."""


def take(path: Path, *, within: float) -> int | None:
    """A descriptor that holds the lock until its last copy is closed; None if another keeps it."""
    descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
    deadline = time.monotonic() + within
    while not _locks(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            os.close(descriptor)
            return None
        time.sleep(POLL)
    return descriptor


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock now."""
    try:
        descriptor = open_own(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        # Shared: two who only look are not in each other's way.
        return not _locks(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def is_free_within(path: Path, seconds: float) -> bool:
    """Wait until nobody holds the lock; False if somebody still does."""
    deadline = time.monotonic() + seconds
    while is_held(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


@contextmanager
def alone(path: Path, *, within: float, busy: str) -> Iterator[None]:
    """Nobody else is in here meanwhile; waits for its turn, `within` seconds at most.

    Raises EmbeddedServerError with the text `busy`, {pid} being who has been in here since.
    """
    descriptor = take(path, within=within)
    if descriptor is None:
        raise EmbeddedServerError(busy.format(pid=read_own(path)))
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        os.close(descriptor)


def _locks(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
