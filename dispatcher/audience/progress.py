"""How far a preparation is, for whoever wants to watch it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Phase = Literal["reading", "checking", "packing"]

SECONDS_BETWEEN = 0.2
"""Between two reports of one phase: five a second is all that an eye needs."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of a preparation.

    `done` and `total` count rows; `total` is None while nobody can know it. `fraction` (0 to 1)
    is there where rows cannot be counted from outside, as while DuckDB reads a file; `done` is an
    estimate then.
    """

    phase: Phase
    done: int
    total: int | None = None
    fraction: float | None = None


Watcher = Callable[[Progress], None]


class Reporter:
    """Passes progress on to a watcher: at most five times a second, and each phase's end.

    `notes` are sentences for the person: what was left out, or read otherwise than it stands there.
    """

    def __init__(self, watcher: Watcher | None) -> None:
        self._watcher = watcher
        self._last = float("-inf")
        self._phase: Phase | None = None
        self.notes: list[str] = []

    def report(
        self, phase: Phase, done: int, total: int | None = None, fraction: float | None = None
    ) -> None:
        """Tell the watcher, unless it was told of this phase a moment ago."""
        now = time.monotonic()
        if self._watcher is None or (
            phase == self._phase and now - self._last < SECONDS_BETWEEN and done != total
        ):
            return
        self._phase, self._last = phase, now
        self._watcher(Progress(phase, done, total, fraction))
