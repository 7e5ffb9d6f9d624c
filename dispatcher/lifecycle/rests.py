"""How long is waited: a chunk before its next attempt, an account after what its API said."""

from dataclasses import dataclass
from datetime import datetime, timedelta

FAILURES_BEFORE_HOLD = 10
MOST_DOUBTS = 10
"""After so many doubtful attempts of an account in a row, one at a time probes its API."""
FRESH_PROBE_PART = 4
SHORTEST_FRESH_REST = timedelta(seconds=15)
LONGEST_FRESH_REST = timedelta(hours=1)

_SHORTEST_BACKOFF = timedelta(seconds=1)
_LONGEST_BACKOFF = timedelta(seconds=15)
_LONGEST_HOLD = timedelta(seconds=5)
_SHORTEST_THROTTLE = timedelta(seconds=1)
_LONGEST_THROTTLE = timedelta(minutes=1)
_CALM = timedelta(seconds=30)


def backoff(attempt: int, jitter: float) -> timedelta:
    """The wait before the next attempt: 1 s doubling to 15 s, of which up to a half is jitter."""
    doublings = max(0, min(attempt - 1, 10))
    whole = min(_SHORTEST_BACKOFF * (1 << doublings), _LONGEST_BACKOFF)
    return whole * (0.5 + jitter / 2)


def account_hold(failures: int) -> timedelta | None:
    """How long an account rests after so many attempts in a row that came to nothing."""
    if failures < FAILURES_BEFORE_HOLD:
        return None
    doublings = min(failures - FAILURES_BEFORE_HOLD, 10)
    return min(timedelta(seconds=1 << doublings), _LONGEST_HOLD)


def rest_before_fresh(outage: timedelta) -> timedelta:
    """How long after a clean chunk was the probe no other one is, when doubt has lasted so long.

    A quarter of the outage, so that its end is noticed after a quarter more of it at most, and a
    day of it takes some thirty chunks.
    """
    return min(max(outage / FRESH_PROBE_PART, SHORTEST_FRESH_REST), LONGEST_FRESH_REST)


@dataclass(frozen=True, slots=True)
class Throttle:
    """The rest that the vendor last wanted an account to have.

    `count` are the rests in a row of which it did not say how long they were to be.
    """

    count: int = 0
    began: datetime | None = None
    until: datetime | None = None


def throttle(
    before: Throttle,
    claimed_at: datetime,
    asked: timedelta | None,
    now: datetime,
    jitter: float = 0.5,
) -> Throttle:
    """The rest that an answer to a request of `claimed_at` makes of the one before.

    As long as `asked`; where the vendor does not say, twice as long as the time before, from 1 s to
    a minute, and anew after it went well for a while. What was asked before a rest was over says
    nothing new. Raises nothing.
    """
    if before.until is not None and claimed_at < before.until:
        later = before.until if asked is None else max(before.until, now + asked)
        return Throttle(before.count, before.began, later)
    if asked is not None:
        return Throttle(before.count, now, now + asked)
    calm = max(_CALM, 2 * _throttled_for(before.count))
    went_well = before.until is None or now - before.until > calm
    count = 1 if went_well else before.count + 1
    return Throttle(count, now, now + _throttled_for(count) * (0.75 + jitter / 4))


def _throttled_for(count: int) -> timedelta:
    doublings = min(max(0, count - 1), 10)
    return min(_SHORTEST_THROTTLE * (1 << doublings), _LONGEST_THROTTLE)
