"""Clocks on walls: the zones by their names, when they change, and when they show a time."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from dispatcher.forks import not_while_forking

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)


def zone_named(name: str) -> "ZoneInfo | None":
    """The zone of this name in IANA's list; None where there is none."""
    with not_while_forking():  # where the system has no list of zones, a package is loaded
        import zoneinfo  # takes as long to load as a fifth of a command does

        try:
            return zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            return None


@cache
def zone_names() -> Mapping[str, str]:
    """Every zone's name, by the same in lower case."""
    with not_while_forking():
        import zoneinfo

    return {name.lower(): name for name in sorted(zoneinfo.available_timezones())}


def remedy_for(name: str) -> str:
    """What to write in place of a name that no zone has."""
    meant = zone_names().get(name.lower())
    return f"write {meant}" if meant else "give one of IANA's, as Europe/Berlin or UTC"


def moment_of(wall: datetime, zone: "ZoneInfo") -> datetime:
    """When the zone's clock shows this time, which is naive, for the first time; in UTC.

    What it skips when it is put on, it comes to at the moment when it is put on.
    """
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _first_with(zone, _offset(zone, moment), before, moment)


def changes_of_clock(zone: "ZoneInfo", first: datetime, last: datetime) -> Iterator[datetime]:
    """The moments at which the zone's clocks are put on or back."""
    before = first.astimezone(UTC).replace(microsecond=0)
    while before < last:
        after = before + _DAY
        if _offset(zone, before) != _offset(zone, after):
            yield _first_with(zone, _offset(zone, after), before, after)
        before = after


def _first_with(
    zone: "ZoneInfo", offset: timedelta | None, before: datetime, after: datetime
) -> datetime:
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _offset(zone, middle) == offset:
            after = middle
        else:
            before = middle
    return after


def _offset(zone: "ZoneInfo", moment: datetime) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
