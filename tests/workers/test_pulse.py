"""A sign of life says that a worker lives: not that it is quick, nor less than that."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine

from dispatcher.books import fleet
from dispatcher.books.session import make_engine, transaction
from tests.waiting import eventually
from tests.workers.books import rows
from workers.pulse import Movement, Pulse

Pulses = Callable[..., Pulse]


class Still(Movement):
    """A part of the relay that has got nowhere for so long."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._last -= seconds


@pytest.fixture
def pulse(database_url: str) -> Iterator[Pulses]:
    """Makes pulses of workers, each with an engine of one connection."""
    with ExitStack() as stack:

        def make(name: str = "w/1", *, still: float = 0.0) -> Pulse:
            engine = make_engine(database_url, connections=1)
            stack.callback(engine.dispose)
            return Pulse(engine, [Movement(), Still(still)], worker=name, slots=4)

        yield make


def live_slots(engine: Engine) -> int:
    with transaction(engine) as connection:
        return fleet.live_slots(connection)


def test_a_slow_relay_leaves_its_worker_alive_and_another_leads(
    pulse: Pulses, engine: Engine
) -> None:
    slow, quick = pulse("w/1", still=20), pulse("w/2")
    slow.beat()
    quick.beat()
    assert live_slots(engine) == 8
    assert (slow.leads, quick.leads) == (False, True)


def test_a_worker_whose_relay_stands_still_for_good_is_not_alive(
    pulse: Pulses, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = pulse(still=1_000)
    stuck.start()
    eventually(lambda: "has got nowhere for" in caplog.text)
    assert "no longer counted as alive. Restart the worker" in caplog.text
    stuck.stop()
    assert live_slots(engine) == 0


def test_signs_of_life_go_on_while_everything_else_of_the_process_waits(
    pulse: Pulses, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.pulse._EVERY", 0.05)
    held = threading.Event()

    def hold_a_connection() -> None:
        with engine.connect():
            held.wait(30)

    busy = [threading.Thread(target=hold_a_connection) for _ in range(5)]
    living = pulse()
    living.start()
    for thread in busy:
        thread.start()
    with make_engine(engine.url.render_as_string(hide_password=False)).connect() as watcher:

        def seen_again() -> bool:
            found = watcher.exec_driver_sql(
                "SELECT count(*) FROM worker WHERE seen_at > now() - interval '0.2 s'"
            )
            watcher.rollback()
            return bool(found.scalar_one())

        for _ in range(3):
            eventually(seen_again)
            watcher.exec_driver_sql("UPDATE worker SET seen_at = now() - interval '1 min'")
            watcher.commit()
        eventually(seen_again)
    held.set()
    for thread in busy:
        thread.join()
    living.stop()
    assert rows(engine, "SELECT FROM worker") == []


def test_a_pulse_that_was_never_started_ends_quietly(pulse: Pulses, engine: Engine) -> None:
    pulse().stop()
    assert live_slots(engine) == 0


def test_signs_of_life_go_on_after_what_nobody_foresaw(
    pulse: Pulses,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("workers.pulse._EVERY", 0.05)
    troubles = iter([LookupError("one"), LookupError("two")])

    def seen(*given: object, **named: object) -> bool:
        for trouble in troubles:
            raise trouble
        return True

    monkeypatch.setattr("dispatcher.books.fleet.seen", seen)
    living = pulse()
    living.start()
    eventually(lambda: "gives signs of life again" in caplog.text)
    living.stop()
    assert caplog.text.count("no sign of life: one") == 1
    assert "no sign of life: two" not in caplog.text
