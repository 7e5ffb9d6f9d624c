"""How far a verb has come that goes through a large campaign in steps."""

import time

from dispatcher.cli.context import say
from dispatcher.words import counted

INTERRUPTED = 130
"""The exit status of what Ctrl-C has ended."""

_EVERY = 2.0


class Steps:
    """Says on standard error how much is done, every two seconds; of a quick verb nothing.

    `done` is how many they were by the last step.
    """

    def __init__(self, what: str, one: str = "chunk") -> None:
        self.done = 0
        self._one = one
        self._what = what
        self._next = time.monotonic() + _EVERY

    def __call__(self, done: int, total: int) -> None:
        """A step has ended."""
        self.done = done
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            say(f"{done:,} of {counted(total, self._one)} {self._what}")
