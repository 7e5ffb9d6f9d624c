"""When a campaign will have ended: at its pace, with the waiting for windows and zones in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dispatcher.schedule.pacing import end_of
from dispatcher.schedule.windows import Window


@dataclass(frozen=True, slots=True)
class Wave:
    """A part of what is left, of 1, that may begin at `due_at` and not before."""

    due_at: datetime
    part: float


def foreseen_end(
    seconds: float, windows: Sequence[Window] | None, waves: Sequence[Wave], now: datetime
) -> datetime:
    """When what is left ends, of which all together takes so many seconds of sending.

    What is in no wave may begin now; a wave begins when those before it have ended, and its time
    has come. Nothing is sent outside of the windows; None: at any time.
    """
    at_once = Wave(now, 1 - sum(wave.part for wave in waves))
    end = now
    for wave in (at_once, *sorted(waves, key=lambda wave: wave.due_at)):
        if wave.part > 0:
            end = end_of(windows, max(end, wave.due_at), wave.part * seconds)
    return end
