"""When something may begin, by the clocks on people's walls: pure, the moment is an argument."""

from dispatcher.schedule.clocks import moment_of, remedy_for, zone_named, zone_names
from dispatcher.schedule.pacing import end_of, needed_rate, open_for
from dispatcher.schedule.windows import Opening, Window, next_opening, parse_windows

__all__ = [
    "Opening",
    "Window",
    "end_of",
    "moment_of",
    "needed_rate",
    "next_opening",
    "open_for",
    "parse_windows",
    "remedy_for",
    "zone_named",
    "zone_names",
]
