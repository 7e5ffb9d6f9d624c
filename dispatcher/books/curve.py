"""How a campaign went over time, counted from its attempts: the same for whoever looks when."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

_MOST = 120
_LENGTHS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800),
        *(3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_419_200),
    )
)
_ORIGIN = datetime(2001, 1, 1, tzinfo=UTC)  # a Monday


@dataclass(frozen=True, slots=True)
class Step:
    """What ended from `at` on, for as long as a step is: requests, and whom they decided about.

    `errors` are the requests that the vendor did not accept, or did not answer.
    """

    at: datetime
    requests: int
    members: int
    errors: int


@dataclass(frozen=True, slots=True)
class Curve:
    """A campaign's steps without a gap, each of `seconds`; one that is not over is not among them.

    They are 120 at most, however long it took.
    """

    campaign: str
    seconds: int
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        """The document of `throughput --json`; times are ISO 8601."""
        document = asdict(self)
        document["steps"] = [{**asdict(step), "at": step.at.isoformat()} for step in self.steps]
        return document


_SPAN = text("""
SELECT started_at, finished_at, clock_timestamp() AS now FROM campaign WHERE id = :campaign_id
""")
_STEPS = text("""
SELECT date_bin(:length, ended_at, :origin) AS at,
       count(*) FILTER (WHERE outcome NOT IN ('not_sent', 'withheld')) AS requests,
       coalesce(sum(size - withheld) FILTER (WHERE chunk_state <> 'pending'), 0) AS members,
       count(*) FILTER (WHERE outcome NOT IN ('accepted', 'already_sent', 'not_sent', 'withheld'))
           AS errors
FROM attempt JOIN chunk USING (campaign_id, sequence)
WHERE campaign_id = :campaign_id AND ended_at >= :begin AND ended_at < :end
GROUP BY at ORDER BY at
""")


def read(connection: Connection, campaign_id: UUID) -> Curve:
    """The campaign's curve from its beginning to its end, or until now."""
    span = connection.execute(_SPAN, {"campaign_id": campaign_id}).one()
    if span.started_at is None:
        return Curve(str(campaign_id), int(_LENGTHS[0].total_seconds()), ())
    length = _length_of((span.finished_at or span.now) - span.started_at)
    begin = _floor(span.started_at, length)
    end = _floor(span.now, length)
    if span.finished_at is not None:
        end = _floor(span.finished_at, length) + length
    values = {"length": length, "origin": _ORIGIN, "campaign_id": campaign_id}
    rows = connection.execute(_STEPS, {**values, "begin": begin, "end": end})
    counted = {row.at: Step(row.at, row.requests, row.members, row.errors) for row in rows}
    steps = tuple(counted.get(at, Step(at, 0, 0, 0)) for at in _each(begin, end, length))
    return Curve(str(campaign_id), int(length.total_seconds()), steps)


def _length_of(span: timedelta) -> timedelta:
    """The shortest step that has no more of them than can be looked at."""
    fitting = (length for length in _LENGTHS if span <= length * (_MOST - 1))
    return next(fitting, _LENGTHS[-1])


def _floor(moment: datetime, length: timedelta) -> datetime:
    return moment - (moment - _ORIGIN) % length


def _each(begin: datetime, end: datetime, length: timedelta) -> Iterator[datetime]:
    at = begin
    while at < end:
        yield at
        at += length
