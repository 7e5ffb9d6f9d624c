"""Ctrl-C, or a stop of the service or the terminal, while a verb has files of its own."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from dispatcher.cli.context import say

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_USUAL = (signal.default_int_handler, signal.SIG_DFL)


@contextmanager
def interruptible(left: Callable[[], str]) -> Iterator[None]:
    """Let what is open be closed, say what is left, and exit as is asked.

    The status is 130 for Ctrl-C and 128 + its number for a signal, whatever error a library made of
    it.
    """
    came: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    mine = [each for each in _ENDING if signal.getsignal(each) in _USUAL]
    before = {each: signal.signal(each, interrupt) for each in mine}
    try:
        yield
    except BaseException:
        if not came:
            raise
        say(left())
        raise click.exceptions.Exit(128 + came[0]) from None
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
