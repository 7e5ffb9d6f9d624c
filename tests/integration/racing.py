"""Races for real: threads that begin together, each with connections of its own."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Engine, text

from tests.waiting import eventually

T = TypeVar("T")


def race(*runners: Callable[[], T]) -> list[T]:
    """What each of the runners returned; all begin at the same barrier."""
    barrier = threading.Barrier(len(runners), timeout=10)

    def run(runner: Callable[[], T]) -> T:
        barrier.wait()
        return runner()

    with ThreadPoolExecutor(len(runners)) as pool:
        return list(pool.map(run, runners))


@contextmanager
def waiting_for_a_lock(engine: Engine, runner: Callable[[], T]) -> Iterator[Future[T]]:
    """The runner in a thread, which waits for a lock by now; it must have ended with the block."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(runner)
        eventually(lambda: future.done() or _waiting(engine))
        assert not future.done()
        yield future


def _waiting(engine: Engine) -> int:
    with engine.begin() as connection:
        waiting: int = connection.execute(
            text("""
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'
            """)
        ).scalar_one()
        return waiting
