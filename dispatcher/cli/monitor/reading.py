"""Reading again and again beside the terminal, which answers while a server does not."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from dispatcher.errors import DatabaseUnavailable, DispatcherError

T = TypeVar("T")

_SHARE = 4
"""What takes long to read is read less often: a fifth of the time at most goes into it."""


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What was read last, None before the first time; since when the database has been away."""

    value: T | None = None
    away_since: datetime | None = None
    error: Exception | None = None


class Reader(Generic[T]):
    """Calls `read` every so many seconds until its block ends; orders are carried out in between.

    A database that is away is tried again. Any other error ends it, and is in the reading.
    """

    def __init__(self, read: Callable[[], T], every: float) -> None:
        self.latest: Reading[T] = Reading()
        self.told: SimpleQueue[str] = SimpleQueue()
        self._read = read
        self._every = every
        self._orders: SimpleQueue[Callable[[], str]] = SimpleQueue()
        self._woken = threading.Event()
        self._closing = False

    def __enter__(self) -> "Reader[T]":
        threading.Thread(target=self._run, name="reader", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._woken.set()

    def order(self, act: Callable[[], str]) -> None:
        """Carry this out; what it returns, or the sentence of its error, is `told`."""
        self._orders.put(act)
        self._woken.set()

    def _run(self) -> None:
        while not self._closing and self.latest.error is None:
            self._woken.clear()
            self._carry_out()
            began = time.monotonic()
            self._look()
            self._woken.wait(max(self._every, _SHARE * (time.monotonic() - began)))

    def _carry_out(self) -> None:
        with suppress(Empty):
            while True:
                self.told.put(_outcome(self._orders.get_nowait()))

    def _look(self) -> None:
        before = self.latest
        try:
            self.latest = Reading(self._read())
        except DatabaseUnavailable:
            since = before.away_since or datetime.now(UTC)
            self.latest = Reading(before.value, away_since=since)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever looks
            self.latest = Reading(before.value, error=error)


def _outcome(act: Callable[[], str]) -> str:
    try:
        return act()
    except DispatcherError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - the page goes on, whatever became of it
        return f"It failed ({type(error).__name__}); `dispatcher show` tells how it stands."
