"""What a forked child must not share with its parent - connections, locks - it makes anew.

A parent's connections stay the parent's: the child drops them without a word to the server. Locks
of the libraries below us are held for moments only; a fork waits for those moments, as in the child
nobody would ever let go of them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

_LONGEST_WAIT = 3.0
"""Seconds: a broker that hangs holds no fork up for longer."""

T = TypeVar("T")


class _Gate:
    """Lets threads in, and a fork only when none is inside."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._inside = 0

    def enter(self) -> None:
        with self._condition:
            self._inside += 1

    def leave(self) -> None:
        with self._condition:
            self._inside -= 1
            self._condition.notify_all()

    def close(self) -> None:
        self._condition.acquire()
        self._condition.wait_for(lambda: self._inside == 0, _LONGEST_WAIT)

    def open(self) -> None:
        self._condition.release()


_gate = _Gate()
_renewals: "WeakKeyDictionary[Any, Callable[[Any], None]]" = WeakKeyDictionary()


def renew_in_children(owner: T, renew: Callable[[T], None]) -> None:
    """Call `renew(owner)` in every child that is forked while the owner lives."""
    _renewals[owner] = renew


@contextmanager
def not_while_forking() -> Iterator[None]:
    """No fork happens inside: something is made here, or used, that has locks of its own."""
    gate = _gate
    gate.enter()
    try:
        yield
    finally:
        gate.leave()


def _begin_in_child() -> None:
    global _gate
    _gate = _Gate()
    for owner, renew in list(_renewals.items()):
        renew(owner)


os.register_at_fork(
    before=lambda: _gate.close(),
    after_in_parent=lambda: _gate.open(),
    after_in_child=_begin_in_child,
)
