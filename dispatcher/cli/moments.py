"""Moments as a person writes them."""

from datetime import datetime

from dispatcher.errors import OptionError

_AS = "write it as 2026-11-24T10:00+01:00"


def parse_moment(
    name: str, text: str | None, *, on_the_wall: bool = False, or_else: str = ""
) -> datetime | None:
    """The aware moment that is written; `name` is what it was given as. Raises OptionError.

    With `on_the_wall` it may be a time without an offset, which many clocks show; `or_else` says
    what else would do where it has none.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise OptionError(f"{name} {text!r} is no moment: {_AS}.") from error
    if moment.utcoffset() is None and not on_the_wall:
        raise OptionError(f"{name} {text!r} has no time zone: {_AS}{or_else}.")
    return moment
