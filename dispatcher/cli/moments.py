"""Moments as a person writes them."""

from datetime import datetime

from dispatcher.errors import OptionError

_AS = "write it as 2026-11-24T10:00+01:00"


def parse_moment(name: str, text: str | None) -> datetime | None:
    """The aware moment that is written; `name` is what it was given as. Raises OptionError."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise OptionError(f"{name} {text!r} is no moment: {_AS}.") from error
    if moment.utcoffset() is None:
        raise OptionError(f"{name} {text!r} has no time zone: {_AS}.")
    return moment
