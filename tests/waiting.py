"""Waiting for what another process or thread is about to do, instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_POLL = 0.02


def eventually(condition: Callable[[], T], *, within: float = 5) -> T:
    """The condition's first true value; AssertionError with its last one after `within` seconds."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} seconds; the last value was {value!r}")
        time.sleep(_POLL)
    return value
