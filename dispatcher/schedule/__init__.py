"""When something may begin, by the clocks on people's walls: pure, the moment is an argument."""

from dispatcher.schedule.windows import Opening, Window, next_opening, parse_windows

__all__ = ["Opening", "Window", "next_opening", "parse_windows"]
