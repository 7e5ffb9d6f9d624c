"""What stands in the fields of forms, read by one rule wherever it is asked for. PURE.

What stands for nothing is a FieldError, in a sentence that says how to write it.
"""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)


class FieldError(ValueError):
    """What stands in a field stands for nothing."""


class NoSuchZone(FieldError):
    """No clocks go by that zone."""


def rate_of(text: str) -> float:
    """Requests a second."""
    if not _NUMBER.fullmatch(text):
        raise FieldError(
            f"The rate {text[:50]!r} is no number: give requests a second, as 20 or 0.5."
        )
    return float(text)


def wall_time(text: str) -> datetime:
    """What a clock on a wall shows, without a zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise FieldError(f"{text[:50]!r} is no time of a clock: give it as 2026-11-24T10:00.")
    return found


def moment_of(text: str, zone: str) -> datetime:
    """The moment when clocks in that zone show this time.

    Raises NoSuchZone, too; a time that is skipped there, as clocks are put on, is none.
    """
    return _there(wall_time(text), zone)


def _there(wall: datetime, zone: str) -> datetime:
    try:
        there = ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        words = f"There is no time zone {zone!r}: give one of IANA's, as Europe/Berlin."
        raise NoSuchZone(words) from None
    try:
        moment = wall.replace(tzinfo=there)
        is_shown = moment.astimezone(UTC).astimezone(there).replace(tzinfo=None) == wall
    except OverflowError:
        raise FieldError("This time is too far away: give one of these years.") from None
    if not is_shown:
        raise FieldError(
            f"No clock in {zone} ever shows this time, as it is put on then: give another."
        )
    return moment
