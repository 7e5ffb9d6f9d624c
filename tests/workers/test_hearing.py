"""A worker that lives and hears nothing helps itself, or says what keeps it from hearing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import TimeoutExpired

import pytest
from celery import Celery
from sqlalchemy import Engine

from dispatcher.books import fleet
from dispatcher.books.fleet import ELSEWHERE
from dispatcher.books.session import transaction
from dispatcher.publishing import Bell
from tests.proxy import Moment, Proxy, proxied
from tests.sandbox_process import PushApi
from tests.waiting import eventually
from tests.workers.books import make_campaign, rows, show
from tests.workers.worker_process import Program, celery, running_worker
from workers.consumer import PatientConsumer
from workers.hearing import Hearing

Environment = dict[str, str]
_HEALED = 60
"""Seconds: half of them for a busy machine."""
_GUARDS_PATIENCE = 7
"""Seconds, and some more: how long a worker that is to stop waits for its broker."""


@pytest.fixture
def road(broker_url: str, environment: Environment) -> Iterator[Proxy]:
    """The worker's way to its broker."""
    with proxied(broker_url) as road:
        environment["DISPATCHER_BROKER_URL"] = road.url
        yield road


@pytest.fixture
def worker(
    environment: Environment, sandbox: Callable[..., PushApi], tmp_path: Path, road: Proxy
) -> Iterator[Program]:
    """A worker that hears."""
    environment["DISPATCHER_PUSH_API_URL"] = sandbox().url
    with running_worker(environment, tmp_path) as worker:
        yield worker


def _the_next_reply_never_comes(road: Proxy) -> None:
    snare = road.snare(b"BRPOP", Moment.REPLY)
    eventually(lambda: snare.caught, within=60)


def _what_is_open_carries_nothing(road: Proxy) -> None:
    road.swallow()


@pytest.mark.parametrize("deafen", [_the_next_reply_never_comes, _what_is_open_carries_nothing])
def test_a_worker_that_went_deaf_hears_again(
    worker: Program, road: Proxy, engine: Engine, deafen: Callable[[Proxy], None]
) -> None:
    deafen(road)
    campaign = make_campaign(engine, chunks=20, published=False)
    eventually(lambda: show(engine, campaign).state == "completed", within=_HEALED)
    assert worker.process.poll() is None


def test_a_worker_that_is_told_to_stop_while_its_broker_hangs_does_so(
    worker: Program, road: Proxy, engine: Engine
) -> None:
    road.hold()
    worker.process.terminate()
    assert worker.ends() == 0
    assert not rows(engine, "SELECT FROM worker")
    assert "Traceback" not in worker.log


def test_a_worker_that_is_told_to_stop_while_its_database_hangs_leaves_its_broker_alone(
    environment: Environment, database_url: str, tmp_path: Path
) -> None:
    with proxied(database_url) as way:
        far = environment | {"DISPATCHER_DATABASE_URL": way.url}
        with running_worker(far, tmp_path) as worker:
            way.hold()
            worker.process.terminate()
            with pytest.raises(TimeoutExpired):
                worker.process.wait(timeout=_GUARDS_PATIENCE)
            way.let_go()
            assert worker.ends() == 0
            assert "its connections are cut" not in worker.log


def test_a_worker_whose_consumer_was_cancelled_says_so(
    worker: Program, environment: Environment, engine: Engine
) -> None:
    celery(environment, "control", "cancel_consumer", "dispatcher")
    eventually(
        lambda: rows(engine, "SELECT FROM worker WHERE silence LIKE 'it listens to nothing%'"),
        within=60,
    )
    celery(environment, "control", "add_consumer", "dispatcher")
    eventually(lambda: rows(engine, "SELECT FROM worker WHERE silence IS NULL"), within=60)


class _Unforeseen(PatientConsumer):
    """A consumer of which nobody can say at first why it is silent."""

    def __init__(self) -> None:
        self.looks = 0

    def silence(self) -> str | None:
        self.looks += 1
        if self.looks < 3:
            raise LookupError("unforeseen")
        return None


def test_looks_go_on_after_what_nobody_foresaw_and_it_is_told_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("workers.hearing._LOOK_EVERY", 0.05)
    consumer = _Unforeseen()
    hearing = Hearing(engine, Bell(Celery()), consumer, worker="w/1", free=lambda: 1)
    hearing.start()
    eventually(lambda: consumer.looks > 3)
    hearing.stop()
    assert [record.levelname for record in caplog.records].count("ERROR") == 1


class _Elsewhere(PatientConsumer):
    """A consumer from which a person took the queue away."""

    def __init__(self) -> None:
        pass

    def silence(self) -> str | None:
        return f"{ELSEWHERE}nothing"


def test_for_each_message_that_waits_one_slot_is_called_away(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 0
    hearing = Hearing(engine, Bell(Celery()), _Elsewhere(), worker="w/1", free=lambda: free)
    now = 100.0
    monkeypatch.setattr("workers.hearing.clock", lambda: now)
    assert hearing.nobody_waits()
    free = -2
    assert [hearing.nobody_waits() for _ in range(3)] == [False, False, True]
    now += 1  # nobody came
    assert not hearing.nobody_waits()
    free = 1  # slots took them
    now += 1
    assert hearing.nobody_waits()


def test_no_slot_goes_on_where_a_person_took_the_queue_away(engine: Engine) -> None:
    with transaction(engine) as connection:
        fleet.seen(connection, "w/1", 1)
    hearing = Hearing(engine, Bell(Celery()), _Elsewhere(), worker="w/1", free=lambda: 1)
    hearing._look()
    assert not hearing.nobody_waits()
