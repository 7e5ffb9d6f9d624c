"""Windows: the hours of weekdays in which fresh chunks may begin, by the clock of a zone.

The zone `local` is that of each member.

A moment is inside when the clock on the wall shows so: where the clock is put on, an hour that it
skips is in no window; where it is put back, an hour that it shows twice is in its window twice.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

from dispatcher.errors import OptionError
from dispatcher.schedule.clocks import changes_of_clock, remedy_for, zone_named

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

EXAMPLE = "mon-fri 09:00-21:00 Europe/Berlin"
LOCAL = "local"
MOST_WINDOWS = 10

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(r"(\S+) (\d\d):(\d\d)-(\d\d):(\d\d) (\S+)", re.ASCII)
_MINUTES = 24 * 60
_DAY = timedelta(days=1)
_LOOKED_AHEAD = 22 * _DAY
"""Every window opens within it: a change of the clock may take one week's hours away."""


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of some weekdays: `opens` and `closes` are minutes of the day on which it opens.

    `days` count from Monday, 0. One that passes midnight closes beyond 1,440 minutes, on the day
    after. `text` is how a person writes it. Without a `zone` it is one on each member's own clock:
    `in_zone` gives it one first.
    """

    text: str
    days: frozenset[int]
    opens: int
    closes: int
    zone: "ZoneInfo | None"

    def is_open(self, moment: datetime) -> bool:
        """Whether the clock on the wall shows one of its hours then; `moment` is aware."""
        wall = moment.astimezone(self._zone)
        minute, day = wall.hour * 60 + wall.minute, wall.weekday()
        since_midnight = day in self.days and self.opens <= minute < self.closes
        since_yesterday = (day - 1) % 7 in self.days and minute + _MINUTES < self.closes
        return since_midnight or since_yesterday

    def turns(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """Every moment between at which it may open or close, and some more, in no order."""
        zone = self._zone
        day = first.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        end = last.astimezone(zone).replace(tzinfo=None) + _DAY
        midnight = day.replace(tzinfo=None) - _DAY
        while midnight <= end:
            for minutes in (self.opens, self.closes):
                wall = midnight + timedelta(minutes=minutes)
                for fold in (0, 1):
                    yield wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
            midnight += _DAY
        yield from changes_of_clock(zone, first, last)

    @property
    def _zone(self) -> "ZoneInfo":
        if self.zone is None:
            raise LookupError(f"The window {self.text!r} is one on each member's own clock.")
        return self.zone


@dataclass(frozen=True, slots=True)
class Opening:
    """From when until when fresh chunks may begin."""

    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """When a zone's members are due, and until when they may begin, where that has an end."""

    at: datetime
    closes_at: datetime | None


def parse_windows(texts: str | Iterable[str]) -> tuple[Window, ...]:
    """The windows as people write them, as `mon-fri 09:00-21:00 Europe/Berlin`: one or several.

    Raises OptionError, which quotes the window and says what is wrong with it.
    """
    written = [texts] if isinstance(texts, str) else list(texts)
    if not written:
        raise OptionError(f"No window is given: write one as `{EXAMPLE}`.")
    if len(written) > MOST_WINDOWS:
        raise OptionError(f"There are {len(written)} windows: give at most {MOST_WINDOWS}.")
    return tuple(_parse(each) for each in written)


def on_members_clocks(windows: Iterable[Window] | None) -> bool:
    """Whether one of them is in each member's own zone: then each zone has its own openings."""
    return any(window.zone is None for window in windows or ())


def in_zone(windows: Iterable[Window], zone: "ZoneInfo") -> tuple[Window, ...]:
    """The windows of members of this zone."""
    return tuple(replace(each, zone=zone) if each.zone is None else each for each in windows)


def due_in(windows: Sequence[Window] | None, zone: "ZoneInfo", moment: datetime) -> Due:
    """When members of this zone are due, from `moment` on, which is aware."""
    if windows is None or not on_members_clocks(windows):
        return Due(moment, None)
    opening = next_opening(in_zone(windows, zone), moment)
    return Due(opening.opens_at, opening.closes_at)


def check_due_in_time(due: Due, zone: str, expires_at: datetime | None) -> None:
    """Raise OptionError where a campaign expires before a window opens in this zone."""
    if due.closes_at is not None and expires_at is not None and due.at >= expires_at:
        raise OptionError(
            f"In {zone} the window opens at {due.at.isoformat(timespec='minutes')}, and the "
            f"campaign expires at {expires_at.isoformat(timespec='minutes')}: nothing could be "
            "sent there. Let it expire later."
        )


def next_opening(windows: Sequence[Window], moment: datetime) -> Opening:
    """The time around `moment` in which one of the windows is open, or the next such time.

    `moment` is aware. Of a time that began before, only what is left; of one without an end, three
    weeks.
    """
    for opening in openings(windows, moment, moment + _LOOKED_AHEAD):
        return opening
    written = ", ".join(window.text for window in windows)
    raise OptionError(f"The window {written} opens at no time that the clock shows.")


def openings(windows: Sequence[Window], first: datetime, last: datetime) -> Iterator[Opening]:
    """The times between the two in which one of the windows is open, in their order.

    Each day between costs some work for each window.
    """
    turns = {turn for window in windows for turn in window.turns(first, last)}
    opens_at: datetime | None = None
    for turn in (first, *sorted(turn for turn in turns if first < turn < last)):
        is_open = any(window.is_open(turn) for window in windows)
        if is_open and opens_at is None:
            opens_at = turn
        elif not is_open and opens_at is not None:
            yield Opening(opens_at, turn)
            opens_at = None
    if opens_at is not None:
        yield Opening(opens_at, last)


def _parse(written: object) -> Window:
    if not isinstance(written, str):
        raise OptionError(f"A window is a {type(written).__name__}: write it as `{EXAMPLE}`.")
    words = " ".join(written.split())
    form = _FORM.fullmatch(words)
    if form is None:
        missing = " It has no time zone." if _FORM.fullmatch(f"{words} UTC") else ""
        _refuse(words, f"is none.{missing} Write it as `{EXAMPLE}`")
    days, hour, minute, last_hour, last_minute, zone = form.groups()
    opens, closes = _minutes(words, hour, minute), _minutes(words, last_hour, last_minute)
    if opens in (closes, _MINUTES):
        _refuse(words, "never opens: let it close after it opens, the whole day as 00:00-24:00")
    return Window(
        text=f"{days.lower()} {words.partition(' ')[2]}",
        days=_days(words, days.lower()),
        opens=opens,
        closes=closes if opens < closes else closes + _MINUTES,
        zone=_zone(words, zone),
    )


def _minutes(words: str, hour: str, minute: str) -> int:
    minutes = int(hour) * 60 + int(minute)
    if int(minute) > 59 or minutes > _MINUTES:
        _refuse(words, f"has no time of a day at {hour}:{minute}: give 00:00 to 24:00")
    return minutes


def _days(words: str, written: str) -> frozenset[int]:
    days: set[int] = set()
    for part in written.split(","):
        first, _, last = part.partition("-")
        for name in (first, last) if "-" in part else (first,):
            if name not in _DAYS:
                _refuse(words, f"has no day {name!r}: known are {', '.join(_DAYS)}, and mon-fri")
        start, end = _DAYS.index(first), _DAYS.index(last or first)
        days.update(day % 7 for day in range(start, (end if start <= end else end + 7) + 1))
    return frozenset(days)


def _zone(words: str, name: str) -> "ZoneInfo | None":
    if name.lower() == LOCAL:
        return None
    zone = zone_named(name)
    if zone is None:
        _refuse(words, f"has no time zone {name!r}: {remedy_for(name)}")
    return zone


def _refuse(words: str, why: str) -> NoReturn:
    raise OptionError(f"The window {words!r} {why}.")
