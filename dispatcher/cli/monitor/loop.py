"""The loop of a live page: read beside, draw, take a key, and carry out what was confirmed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from queue import Empty
from typing import Generic, TextIO, TypeVar

from dispatcher.api import Dispatcher
from dispatcher.books.campaigns import Campaign
from dispatcher.cli.monitor.keys import LEAVING, Dialogue, Order
from dispatcher.cli.monitor.lines import Line
from dispatcher.cli.monitor.pages import View, waiting_page
from dispatcher.cli.monitor.reading import Reader
from dispatcher.cli.monitor.screen import Screen

T = TypeVar("T")

_TICK = 0.25


@dataclass(frozen=True, slots=True)
class Subject(Generic[T]):
    """What is looked at: how to read it, draw it, which campaigns are in it, and when it is over.

    It is read every so many seconds, less often where that takes long.
    """

    read: Callable[[], T]
    page: Callable[[T, View], Sequence[Line]]
    campaigns: Callable[[T], Sequence[Campaign]]
    is_over: Callable[[T], bool]
    every: float


def monitor(dispatcher: Dispatcher, output: TextIO, subject: Subject[T]) -> T | None:
    """Show it until it is over, and give it as it was read last; None where the person leaves.

    A database that is away is waited for. Raises whatever else reading raises.
    """
    dialogue = Dialogue()
    with Screen(output) as screen, Reader(subject.read, subject.every) as reader:
        while True:
            reading = reader.latest
            if reading.error is not None:
                raise reading.error
            value = reading.value
            if value is not None and subject.is_over(value):
                return value
            campaigns = () if value is None else subject.campaigns(value)
            dialogue = _heard(dialogue.among(campaigns), reader)
            columns, rows = screen.size
            view = View(columns, rows, dialogue, datetime.now().astimezone(), reading.away_since)
            screen.draw(waiting_page(view) if value is None else subject.page(value, view))
            key = screen.key(_TICK)
            if key == LEAVING and dialogue.asked is None:
                return None
            if key is not None:
                dialogue, order = dialogue.pressed(key, campaigns)
                _carry_out(dispatcher, order, reader)


def _heard(dialogue: Dialogue, reader: Reader[T]) -> Dialogue:
    """The dialogue with what came of the last order."""
    try:
        return replace(dialogue, told=reader.told.get_nowait())
    except Empty:
        return dialogue


def _carry_out(dispatcher: Dispatcher, order: Order | None, reader: Reader[T]) -> None:
    if order is None:
        return
    change = dispatcher.pause if order.verb == "pause" else dispatcher.resume

    def act() -> str:
        return f"Campaign {order.campaign[:8]} is {change(order.campaign).state}."

    reader.order(act)
