"""A campaign's windows, and when they are open: worked out anew each time that one has closed."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, text

from dispatcher.errors import OptionError
from dispatcher.schedule import Window, next_opening, on_members_clocks, parse_windows


def opening_of(
    connection: Connection, windows: Sequence[Window] | None
) -> dict[str, list[str] | datetime | None]:
    """The columns that tell of a campaign's windows, by the database's clock; None for no window.

    Once `closes_at` has passed nothing fresh begins until somebody works out the next opening. Of
    windows on members' own clocks each chunk has its own.
    """
    if windows is None:
        return {"windows": None, "opens_at": None, "closes_at": None}
    written = [window.text for window in windows]
    if on_members_clocks(windows):
        return {"windows": written, "opens_at": None, "closes_at": None}
    now: datetime = connection.scalars(text("SELECT clock_timestamp()")).one()
    return {"windows": written, **asdict(next_opening(windows, now))}


def stored_windows(written: Sequence[str]) -> tuple[Window, ...]:
    """The windows of a campaign's row. Raises LookupError where their zone is not known here."""
    try:
        return parse_windows(written)
    except OptionError as error:  # this machine may know fewer zones than the producer's
        raise LookupError(str(error)) from error
