"""Campaigns that are to end by a time: the rate that makes it, planned anew as they run."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books import fleet
from dispatcher.books.windows import stored_windows
from dispatcher.errors import OptionError
from dispatcher.schedule import Window, end_of, needed_rate, open_for
from dispatcher.words import counted, requests_a_second

_NOW_AND_LIMIT = text(f"""
SELECT clock_timestamp() AS now, least(CAST(:rate AS double precision), {fleet.RATE}) AS rate
""")
_PLANNED = text("""
SELECT finish_by, windows, chunks_pending, clock_timestamp() AS now FROM campaign
WHERE id = :campaign_id AND state = 'running' AND finish_by IS NOT NULL
""")
_SET = text("""
UPDATE campaign SET planned_rate = :rate
WHERE id = :campaign_id AND planned_rate IS DISTINCT FROM CAST(:rate AS double precision)
""")


def allowed(connection: Connection, rate: float | None) -> float | None:
    """The requests a second that this rate and the live workers' limit leave; None: any number."""
    least: float | None = connection.execute(_NOW_AND_LIMIT, {"rate": rate}).one().rate
    return least


def first_plan(
    connection: Connection,
    finish_by: datetime | None,
    *,
    requests: int,
    rate: float | None,
    windows: Sequence[Window] | None,
    begin: datetime | None,
) -> float | None:
    """The rate that lets so many requests end by then; None where no time is given.

    `rate` is the most that is allowed, to which the workers' limit comes; `begin` None is now.
    Raises OptionError, with the earliest time, where it cannot be made.
    """
    if finish_by is None:
        return None
    facts = connection.execute(_NOW_AND_LIMIT, {"rate": rate}).one()
    start = facts.now if begin is None else max(begin, facts.now)
    least = 0 if facts.rate is None else requests / facts.rate
    if start >= finish_by or open_for(windows, start, finish_by).total_seconds() <= least:
        earliest = end_of(windows, start, max(least, 1)).isoformat(timespec="seconds")
        limit = "" if facts.rate is None else f" at {requests_a_second(facts.rate)}"
        raise OptionError(
            f"{counted(requests, 'request')} cannot end by "
            f"{finish_by.isoformat(timespec='seconds')}: the earliest time{limit} is {earliest}."
        )
    return needed_rate(requests, windows, start, finish_by)


def plan_anew(connection: Connection, campaign_id: UUID) -> None:
    """Set the rate that lets the rest of a running campaign end by its time."""
    facts = connection.execute(_PLANNED, {"campaign_id": campaign_id}).one_or_none()
    if facts is None:
        return
    windows = facts.windows and stored_windows(facts.windows)
    rate = needed_rate(facts.chunks_pending, windows, facts.now, facts.finish_by)
    connection.execute(_SET, {"campaign_id": campaign_id, "rate": float(f"{rate:.3g}")})
