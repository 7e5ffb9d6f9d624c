"""When something may begin, by the clocks on people's walls: pure, the moment is an argument."""

from dispatcher.schedule.clocks import moment_of, remedy_for, zone_named, zone_names
from dispatcher.schedule.foreseeing import Wave, foreseen_end
from dispatcher.schedule.pacing import end_of, needed_rate, open_for
from dispatcher.schedule.windows import (
    Due,
    Opening,
    Window,
    check_due_in_time,
    due_in,
    in_zone,
    next_opening,
    on_members_clocks,
    parse_windows,
)

__all__ = [
    "Due",
    "Opening",
    "Wave",
    "Window",
    "check_due_in_time",
    "due_in",
    "end_of",
    "foreseen_end",
    "in_zone",
    "moment_of",
    "needed_rate",
    "next_opening",
    "on_members_clocks",
    "open_for",
    "parse_windows",
    "remedy_for",
    "zone_named",
    "zone_names",
]
