"""A worker that lives and hears nothing helps itself, or says what keeps it from hearing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.proxy import Moment, Proxy, proxied
from tests.sandbox_process import PushApi
from tests.waiting import eventually
from tests.workers.books import make_campaign, rows, show
from tests.workers.worker_process import Program, celery, running_worker

Environment = dict[str, str]
_HEALED = 60
"""Seconds: half of them for a busy machine."""


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
