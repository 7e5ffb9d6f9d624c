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

POLL = 0.01
"""Seconds between two looks at something that is about to change."""


def take(path: Path) -> int | None:
    """A descriptor that holds the lock until its last copy is closed; None if another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if _locks(descriptor, fcntl.LOCK_EX):
        return descriptor
    os.close(descriptor)
    return None


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock now."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
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
def alone(path: Path, *, within: float) -> Iterator[None]:
    """Nobody else is in here meanwhile; waits for its turn, `within` seconds at most."""
    deadline = time.monotonic() + within
    while (descriptor := take(path)) is None:
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"Process {path.read_text().strip()} has been starting or stopping the servers of "
                f"{path.parent} for {within:g} seconds: wait for it, or end it."
            )
        time.sleep(POLL)
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
