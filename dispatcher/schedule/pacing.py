"""Ending by a time: how much time there is to send in, and the rate that makes it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from dispatcher.schedule.windows import Window, openings

_MARGIN, _MOST_MARGIN = 0.04, timedelta(seconds=2)
"""Of the whole time: what the last request takes, and noticing that it was the last."""

_LEAST = 0.5
_FORESEEN = timedelta(days=14)
"""So far windows are worked out; a plan is made anew before the rest comes near."""
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
    """For how long something may be sent between the two; beyond two weeks as in these."""
    if windows is None:
        return max(end - begin, timedelta(0))
    near = min(end, begin + _FORESEEN)
    spans = (each.closes_at - each.opens_at for each in openings(windows, begin, near))
    time = sum(spans, timedelta(0))
    return time if near == end else time * ((end - begin) / _FORESEEN)


def end_of(windows: Sequence[Window] | None, begin: datetime, seconds: float) -> datetime:
    """When something ends that is sent for so many seconds from `begin` on."""
    left = whole = timedelta(seconds=seconds)
    if windows is None:
        return begin + whole
    for opening in openings(windows, begin, begin + _FORESEEN):
        if opening.closes_at - opening.opens_at >= left:
            return opening.opens_at + left
        left -= opening.closes_at - opening.opens_at
    return begin + _FORESEEN * (whole / max(whole - left, timedelta(seconds=1)))
