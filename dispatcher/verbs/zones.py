"""A campaign at each member's own time: the same hour on the wall, in every zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dispatcher.errors import OptionError
from dispatcher.forks import not_while_forking
from dispatcher.schedule import moment_of, remedy_for, zone_named
from dispatcher.verbs.options import Options, check_line, check_year

if TYPE_CHECKING:
    from dispatcher.audience import Zoning


def zoning(said: Options) -> Zoning | None:
    """How the members' zones are read; None where all have the same time.

    Raises OptionError where the options contradict each other.
    """
    column, default, wall = said["zone_column"], said["default_zone"], said["send_at"]
    if said["if_late"] not in ("send", "skip"):
        raise OptionError(f'if_late must be "send" or "skip", not {said["if_late"]!r}.')
    if column is None:
        if default is not None or said["if_late"] != "send":
            option = "if_late (--if-late)" if default is None else "default_zone (--default-zone)"
            raise OptionError(
                f"{option} is for members who have times of their own: name the column of their "
                "zones (zone_column, --zone-column)."
            )
        return None
    check_line("zone_column", column)
    if not isinstance(wall, datetime) or wall.utcoffset() is not None:
        raise OptionError(
            "With a column of zones (zone_column, --zone-column) the time is one on each member's "
            "own clock: give it (send_at, --at) without an offset, as 2026-11-24T10:00."
        )
    check_year("send_at", wall)
    if said["finish_by"] is not None:
        raise OptionError(
            "finish_by (--finish-by) spreads a campaign evenly up to a time, and with zone_column "
            "(--zone-column) each zone has a time of its own: keep one."
        )
    if default is not None and (not isinstance(default, str) or zone_named(default) is None):
        raise OptionError(f"There is no time zone {default!r}: {remedy_for(str(default))}.")
    with not_while_forking():
        from dispatcher.audience import Zoning

    if said["test_to"] is not None:
        return Zoning(column, default or "UTC", required=False)
    return Zoning(column, default)


def moments(
    wall: datetime, names: Iterable[str], expires_at: datetime | None
) -> dict[str, datetime]:
    """When each zone's clock shows this time, by the zone's name in lower case.

    Raises OptionError where the campaign expires before.
    """
    found = {}
    for name in names:
        zone = zone_named(name)
        assert zone is not None
        found[name.lower()] = moment = moment_of(wall, zone)
        if expires_at is not None and moment >= expires_at:
            raise OptionError(
                f"The campaign expires before it is {_time(wall)} in {name}, which is at "
                f"{_time(moment)}: let it expire later."
            )
    return found


def first_of(moments: Mapping[str, datetime], if_late: str) -> datetime:
    """When a campaign of these moments begins; with "skip" those that have passed do not count.

    Raises OptionError where none is left.
    """
    now = datetime.now(UTC)
    left = [moment for moment in moments.values() if if_late == "send" or moment > now]
    if not left:
        raise OptionError(
            "That time has passed in every member's zone: give a later one (send_at, --at), or "
            "let it be sent now (--if-late send)."
        )
    return min(left)


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")
