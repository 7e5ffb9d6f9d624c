"""A terminal as a page: drawn whole, so that a resize does no harm, and put back at the end."""

import os
import re
import select
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn, TextIO

from dispatcher.cli.drawing import painted, shows_colours
from dispatcher.cli.monitor.keys import DOWN, LEAVING, UP
from dispatcher.cli.monitor.lines import Line, cut

# Another screen, no cursor, no wrapping; and back.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_KEYS = {"\x1b[A": UP, "\x1bOA": UP, "\x1b[B": DOWN, "\x1bOB": DOWN}
_ONE_KEY = re.compile(r"\x1b[\[O][0-9;]*[A-Za-z~]|.", re.DOTALL)
_USUAL = (80, 24)


def is_possible(output: TextIO) -> bool:
    """Whether there is a terminal to draw on, and a keyboard."""
    return output.isatty() and sys.stdin.isatty() and os.environ.get("TERM") != "dumb"


class Screen:
    """The terminal behind `output`, for as long as the block runs."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._keyboard = sys.stdin.fileno()
        self._colours = shows_colours(output)
        self._usual: list[Any] = []
        self._before: dict[signal.Signals, Any] = {}
        self._pressed: list[str] = []

    def __enter__(self) -> "Screen":
        self._take()
        own = {signal.SIGTSTP: self._stop, signal.SIGTERM: _end, signal.SIGHUP: _end}
        self._before = {number: signal.signal(number, act) for number, act in own.items()}
        return self

    def __exit__(self, *_: object) -> None:
        for number, act in self._before.items():
            signal.signal(number, act)
        with suppress(OSError, termios.error):  # it may have been closed
            self._put_back()

    @property
    def size(self) -> tuple[int, int]:
        """Its columns and lines at this moment."""
        with suppress(OSError):
            size = os.get_terminal_size(self._output.fileno())
            if size.columns and size.lines:
                return size
        return _USUAL

    def draw(self, lines: Sequence[Line]) -> None:
        """Show these lines, as many as there is room for, and nothing else."""
        columns, rows = self.size
        drawn = (
            "".join(
                painted(text, style) if self._colours else painted(text, "")
                for text, style in cut(line, columns)
            )
            for line in lines[:rows]
        )
        page = f"{_CLEAR_LINE}\r\n".join(drawn)
        self._output.write(f"{_HOME}{page}{_CLEAR_LINE}{_CLEAR_BELOW}")
        self._output.flush()

    def key(self, within: float) -> str | None:
        """The key that is pressed within so many seconds."""
        if not self._pressed and select.select([self._keyboard], [], [], within)[0]:
            typed = os.read(self._keyboard, 256)
            if not typed:  # the terminal was closed
                return LEAVING
            self._pressed += _ONE_KEY.findall(typed.decode("utf-8", "replace"))
        if not self._pressed:
            return None
        key = self._pressed.pop(0)
        return _KEYS.get(key, key)

    def _take(self) -> None:
        self._usual = termios.tcgetattr(self._keyboard)
        tty.setcbreak(self._keyboard)
        self._output.write(_ENTER)
        self._output.flush()

    def _put_back(self) -> None:
        termios.tcsetattr(self._keyboard, termios.TCSADRAIN, self._usual)
        self._output.write(_LEAVE)
        self._output.flush()

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        """Ctrl-Z: the terminal is the shell's until this goes on."""
        self._put_back()
        signal.raise_signal(signal.SIGSTOP)
        self._take()


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """End by an exception, so that the terminal is put back."""
    raise SystemExit(128 + number)
