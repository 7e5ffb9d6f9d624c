"""How far an audience's preparation is: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dispatcher.audience.progress import Phase, Progress, Watcher
from dispatcher.cli.context import say

_FIRST_LINE_AFTER = 2.0
_LINE_EVERY = 5.0


@contextmanager
def preparing(what: str = "the audience") -> Iterator[Watcher]:
    """Gives what is to be told of the progress, and shows it on standard error."""
    if not sys.stderr.isatty():
        yield Lines(say, what=what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        console=Console(stderr=True, highlight=False),
        transient=True,
    )
    task = bar.add_task(f"reading {what}", total=None)
    speed = _Speed(time.monotonic, what)

    def update(progress: Progress) -> None:
        fraction = progress.done / progress.total if progress.total else progress.fraction
        total = None if fraction is None else 1
        bar.update(task, description=speed.words(progress), total=total, completed=fraction)

    with bar:
        yield update


class Lines:
    """Says how far it is after two seconds, and every five from then on."""

    def __init__(
        self,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        what: str = "the audience",
    ) -> None:
        self._say = say
        self._clock = clock
        self._speed = _Speed(clock, what)
        self._next = clock() + _FIRST_LINE_AFTER

    def __call__(self, progress: Progress) -> None:
        """Take note of the progress."""
        words = self._speed.words(progress)
        now = self._clock()
        if now >= self._next:
            self._next = now + _LINE_EVERY
            self._say(words)


class _Speed:
    """Rows a second, of each phase by itself."""

    def __init__(self, clock: Callable[[], float], what: str) -> None:
        self._clock = clock
        self._what = what
        self._phase: Phase | None = None
        self._since = clock()

    def words(self, progress: Progress) -> str:
        now = self._clock()
        if self._phase is not None and progress.phase != self._phase:
            self._since = now
        self._phase = progress.phase
        elapsed = now - self._since
        about = "about " if progress.total is None and progress.fraction is not None else ""
        speed = f", {progress.done / elapsed:,.0f} rows/s" if elapsed else ""
        return f"{progress.phase} {self._what}: {about}{progress.done:,} rows{speed}"
