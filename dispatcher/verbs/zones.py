"""A campaign at each member's own time: the same hours on the wall, in every zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeGuard

from dispatcher.errors import OptionError
from dispatcher.forks import not_while_forking
from dispatcher.schedule import (
    Due,
    Window,
    check_due_in_time,
    due_in,
    moment_of,
    on_members_clocks,
    remedy_for,
    zone_named,
)
from dispatcher.verbs.options import Options, check_line, check_year

if TYPE_CHECKING:
    from dispatcher.audience import Zoning


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a campaign begins, what clocks show then, and when the members of each zone are due.

    `wall_time` is a time without a zone; None where the campaign has one moment for all. `dues` are
    by the zones' names in lower case; none where all are due when it begins.
    """

    send_at: datetime | None
    wall_time: datetime | None = None
    dues: Mapping[str, Due] = field(default_factory=dict)


def zoning(said: Options, windows: Sequence[Window] | None) -> Zoning | None:
    """How the members' zones are read; None where all have the same time.

    Raises OptionError where the options contradict each other.
    """
    column, default = said["zone_column"], said["default_zone"]
    if said["if_late"] not in ("send", "skip"):
        raise OptionError(f'if_late must be "send" or "skip", not {said["if_late"]!r}.')
    if column is None:
        if default is not None or said["if_late"] != "send":
            option = "if_late (--if-late)" if default is None else "default_zone (--default-zone)"
            raise OptionError(
                f"{option} is for members who have times of their own: name the column of their "
                "zones (zone_column, --zone-column)."
            )
        if on_members_clocks(windows):
            raise OptionError(
                "A `local` window is one on each member's own clock: name the column of their "
                "zones (zone_column, --zone-column)."
            )
        return None
    check_line("zone_column", column)
    _check_time(said, windows)
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


def _check_time(said: Options, windows: Sequence[Window] | None) -> None:
    """Raise OptionError unless something of the campaign is by each member's own clock."""
    if is_on_the_wall(said["send_at"]):
        check_year("send_at", said["send_at"])
        return
    if not on_members_clocks(windows):
        raise OptionError(
            "With a column of zones (zone_column, --zone-column) the time is one on each member's "
            "own clock: give it (send_at, --at) without an offset, as 2026-11-24T10:00, or hours "
            "(window, --window), as `mon-fri 09:00-21:00 local`."
        )
    if said["if_late"] != "send":
        raise OptionError(
            "if_late (--if-late) is for a time on each member's own clock: give it (send_at, --at) "
            "without an offset."
        )


def is_on_the_wall(moment: object) -> TypeGuard[datetime]:
    """Whether it is a time that many clocks show, each at its own moment."""
    return isinstance(moment, datetime) and moment.utcoffset() is None


def timetable(said: Options, windows: Sequence[Window] | None, names: Iterable[str]) -> Timetable:
    """When the campaign of these options begins, and in the zones of its members.

    Raises OptionError where that is after its end, or too late for everybody.
    """
    send_at, expires_at = said["send_at"], said["expires_at"]
    now = datetime.now(UTC)
    if not is_on_the_wall(send_at):
        begin = now if send_at is None else max(now, send_at)
        listed = names if on_members_clocks(windows) else ()
        return Timetable(send_at, None, _dues(dict.fromkeys(listed, begin), windows, expires_at))
    moments = _moments(send_at, names, expires_at)
    late = {name for name, moment in moments.items() if moment <= now and said["if_late"] == "skip"}
    begins = _first_of(moment for name, moment in moments.items() if name not in late)
    dues = _dues(
        {name: max(moment, now) for name, moment in moments.items() if name not in late},
        windows,
        expires_at,
    )
    dues |= {name.lower(): Due(moments[name], moments[name]) for name in late}
    return Timetable(begins, send_at, dues)


def _dues(
    begins: Mapping[str, datetime], windows: Sequence[Window] | None, expires_at: datetime | None
) -> dict[str, Due]:
    """When each zone's members are due, of whom nobody is before the moment of its name."""
    dues = {}
    for name, begin in begins.items():
        zone = zone_named(name)
        assert zone is not None
        dues[name.lower()] = due = due_in(windows, zone, begin)
        check_due_in_time(due, name, expires_at)
    return dues


def _moments(
    wall: datetime, names: Iterable[str], expires_at: datetime | None
) -> dict[str, datetime]:
    """When each zone's clock shows this time, by the zone's name.

    Raises OptionError where the campaign expires before.
    """
    found = {}
    for name in names:
        zone = zone_named(name)
        assert zone is not None
        found[name] = moment = moment_of(wall, zone)
        if expires_at is not None and moment >= expires_at:
            raise OptionError(
                f"The campaign expires before it is {_time(wall)} in {name}, which is at "
                f"{_time(moment)}: let it expire later."
            )
    return found


def _first_of(moments: Iterable[datetime]) -> datetime:
    """When the campaign begins; OptionError where no moment is left."""
    first = min(moments, default=None)
    if first is None:
        raise OptionError(
            "That time has passed in every member's zone: give a later one (send_at, --at), or "
            "let it be sent now (--if-late send)."
        )
    return first


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")
