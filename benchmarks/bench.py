"""What every suite gets: the stage, how much to measure, and where to tell of its progress."""

import sys
import time
from dataclasses import dataclass, field

from benchmarks.sizes import Size
from benchmarks.stage import Stage


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the benchmark."""

    stage: Stage
    size: Size
    _began: float = field(default_factory=time.monotonic)

    def say(self, line: str) -> None:
        """Progress, for whoever watches."""
        print(f"[{time.monotonic() - self._began:4.0f} s] {line}", file=sys.stderr, flush=True)
