"""Times as forms have them: of a clock on a wall, in the zone that the form names. PURE."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


class NoSuchZone(ValueError):
    """No clocks go by that zone."""


def moment_there(wall: datetime, zone: str) -> datetime:
    """The moment when clocks in that zone show this.

    Raises NoSuchZone, and ValueError for what no clock there ever shows, in a sentence each.
    """
    try:
        there = ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        words = f"There is no time zone {zone!r}: give one of IANA's, as Europe/Berlin."
        raise NoSuchZone(words) from None
    try:
        moment = wall.replace(tzinfo=there)
        is_shown = moment.astimezone(UTC).astimezone(there).replace(tzinfo=None) == wall
    except OverflowError:
        raise ValueError("This time is too far away: give one of these years.") from None
    if not is_shown:
        raise ValueError(
            f"No clock in {zone} ever shows this time, as it is put on then: give another."
        )
    return moment
