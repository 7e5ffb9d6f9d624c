"""Ending by a time: how much time there is to send in, and the rate that makes it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from dispatcher.schedule.windows import Opening, Window, next_opening

_MARGIN, _MOST_MARGIN = 0.04, timedelta(seconds=2)
"""Of the whole time: what the last request takes, and noticing that it was the last."""

_LEAST = 0.5
_FASTEST = 1_000_000.0


def needed_rate(
    requests: int, windows: Sequence[Window] | None, begin: datetime, finish_by: datetime
) -> float:
    """The requests a second with which so many, evenly spread from `begin` on, end by `finish_by`.

    Only what lies inside one of the windows is time to send in; None: all of it is. What is late
    already takes half a second.
    """
    left = open_for(windows, begin, finish_by)
    left -= min(_MARGIN * left, _MOST_MARGIN)
    return min(_FASTEST, max(1, requests) / max(_LEAST, left.total_seconds()))


def open_for(windows: Sequence[Window] | None, begin: datetime, end: datetime) -> timedelta:
    """For how long something may be sent between the two."""
    spans = (
        min(opening.closes_at, end) - opening.opens_at for opening in _openings(windows, begin, end)
    )
    return sum(spans, timedelta(0))


def end_of(windows: Sequence[Window] | None, begin: datetime, seconds: float) -> datetime:
    """When something ends that is sent for so many seconds from `begin` on."""
    left = timedelta(seconds=seconds)
    for opening in _openings(windows, begin, datetime.max.replace(tzinfo=begin.tzinfo)):
        if opening.closes_at - opening.opens_at >= left:
            return opening.opens_at + left
        left -= opening.closes_at - opening.opens_at
    raise AssertionError("windows open again and again")


def _openings(
    windows: Sequence[Window] | None, begin: datetime, end: datetime
) -> Iterator[Opening]:
    """The times in which something may be sent that begin before `end`, the first from `begin`."""
    if windows is None:
        if begin < end:
            yield Opening(begin, end)
        return
    opening = next_opening(windows, begin)
    while opening.opens_at < end:
        yield opening
        opening = next_opening(windows, opening.closes_at)
