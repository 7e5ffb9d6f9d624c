"""Two transactions of which the second begins while the first is open."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from sqlalchemy import Connection, Engine, text

from tests.waiting import eventually

A = TypeVar("A")
B = TypeVar("B")

_MOMENT = 0.015
_WAITING = text("""
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
""")


def overlap(
    engine: Engine,
    first: Callable[[Connection], A],
    second: Callable[[], B],
    *,
    commits: bool,
) -> tuple[A, B]:
    """What both gave: `second` runs while `first` is done but open, as far as locks let it.

    Then the first commits, or breaks off.
    """
    with ThreadPoolExecutor(1) as pool, engine.connect() as connection:
        result = first(connection)
        future = pool.submit(second)
        wait([future], timeout=_MOMENT)
        eventually(lambda: future.done() or _somebody_waits(engine))
        if commits:
            connection.commit()
        else:
            connection.rollback()
        return result, future.result()


def _somebody_waits(engine: Engine) -> bool:
    with engine.connect() as connection:
        return bool(connection.scalar(_WAITING))
