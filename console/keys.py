"""Whoever asks for a campaign that is being made by the same key is told so, and waits for nothing.

It is a courtesy between the programs on one machine: that a key stands for one campaign only, the
books see to.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

from starlette.exceptions import HTTPException

BEING_MADE = "The campaign of this Idempotency-Key is still being made: ask again in a moment."


@contextmanager
def alone(home: Path, key: str | None) -> Iterator[None]:
    """Let nobody else make a campaign of this key; the kernel forgets whoever dies.

    Raises HTTPException, 409, where somebody does.
    """
    if key is None:
        yield
        return
    try:
        path, descriptor = _opened(home / "keys", key)
    except OSError:  # whoever prepares there says what is wrong
        yield
        return
    try:
        _lock(descriptor)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _opened(place: Path, key: str) -> tuple[Path, int]:
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = place / sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise HTTPException(HTTPStatus.CONFLICT, BEING_MADE, {"Retry-After": "2"}) from error
