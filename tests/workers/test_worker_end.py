"""A worker under load, how it stops, and what it shows while it runs."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from celery import Celery
from redis import Redis
from sqlalchemy import Engine, text

from dispatcher.books.session import transaction
from dispatcher.publishing import Batch, Bell, broker_settings
from dispatcher.settings import DEFAULT_QUEUE
from tests.sandbox_process import PushApi
from tests.waiting import eventually
from tests.workers.books import make_campaign, member, rows, show
from tests.workers.worker_process import celery, running, running_worker

Environment = dict[str, str]


@pytest.fixture
def vendor(sandbox: Callable[..., PushApi], environment: Environment) -> PushApi:
    """The Push API, slow enough that there is always something on the wire."""
    vendor = sandbox("--latency", "0.3")
    environment["DISPATCHER_PUSH_API_URL"] = vendor.url
    return vendor


@pytest.fixture
def producer(broker_url: str) -> Iterator[Celery]:
    """Sends messages without a relay."""
    app = Celery("test", set_as_current=False)
    app.conf.update(broker_settings(broker_url))
    yield app
    app.close()


def states(engine: Engine) -> dict[str, int]:
    found = rows(engine, "SELECT state, count(*) AS chunks FROM chunk GROUP BY state")
    return {row.state: row.chunks for row in found}


def test_a_worker_takes_no_more_messages_than_one_ahead_for_each_slot(
    environment: Environment,
    engine: Engine,
    vendor: PushApi,
    producer: Celery,
    broker_url: str,
    tmp_path: Path,
) -> None:
    vendor.set_faults(latency=10.0)
    with Redis.from_url(broker_url) as redis, running_worker(environment, tmp_path):
        campaign = make_campaign(engine, chunks=100)
        Bell(producer).ring([Batch(campaign, (n,)) for n in range(1, 101)])
        eventually(lambda: len(vendor.requests()) == 8)
        assert redis.llen(DEFAULT_QUEUE) >= 100 - 2 * 8


@pytest.mark.parametrize("order", ["SIGTERM", "control shutdown", "migrate"])
def test_a_worker_that_is_told_to_stop_ends_what_is_on_the_wire_and_claims_nothing_more(
    environment: Environment,
    engine: Engine,
    vendor: PushApi,
    producer: Celery,
    tmp_path: Path,
    order: str,
) -> None:
    with running_worker(environment, tmp_path) as worker:
        campaign = make_campaign(engine, chunks=200)
        Bell(producer).ring([Batch(campaign, (n, n + 1)) for n in range(1, 200, 2)])
        eventually(lambda: len(vendor.requests()) >= 16)
        if order == "SIGTERM":
            worker.process.terminate()
        elif order == "control shutdown":
            producer.control.shutdown()
        else:
            with transaction(engine) as connection:
                connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
            worker.says("schema 9999 is newer than this program: upgrade the program.")
        assert worker.ends() == 0
        assert "Traceback" not in worker.log
        assert environment["DISPATCHER_USER_TOKEN"] not in worker.log
    left = states(engine)
    assert left.keys() == {"delivered", "pending"}
    assert left["delivered"] == len(vendor.requests()) < 200
    assert not rows(engine, "SELECT FROM chunk WHERE state = 'pending' AND attempt > 0")
    assert not rows(engine, "SELECT FROM worker")
    assert show(engine, campaign).members.delivered == left["delivered"]


def test_a_campaign_completes_through_a_worker_and_nobody_gets_two(
    environment: Environment, engine: Engine, vendor: PushApi, tmp_path: Path
) -> None:
    vendor.set_faults(latency=0.0)
    with running_worker(environment, tmp_path) as worker:
        campaign = make_campaign(engine, chunks=300, published=False)
        eventually(lambda: show(engine, campaign).state == "completed", within=20)
        assert vendor.pushes(*(member(n) for n in range(1, 301))) == [1] * 300
        worker.process.terminate()
        assert worker.ends() == 0


def test_a_worker_outlives_a_broker_that_is_out_of_memory_and_drops_it(
    environment: Environment, engine: Engine, vendor: PushApi, broker_url: str, tmp_path: Path
) -> None:
    vendor.set_faults(latency=0.0)
    with Redis.from_url(broker_url) as redis, running_worker(environment, tmp_path) as worker:
        redis.config_set("maxmemory", 1)
        try:
            redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            worker.says("The broker refuses: command not allowed when used memory")
        finally:
            redis.config_set("maxmemory", 0)
        campaign = make_campaign(engine, chunks=20, published=False)
        eventually(lambda: show(engine, campaign).state == "completed", within=20)
        assert worker.process.poll() is None
        assert "Celery 5.1" not in worker.log
        assert "Traceback" not in worker.log


def test_monitors_see_the_worker_its_tasks_and_their_arguments(
    environment: Environment,
    engine: Engine,
    vendor: PushApi,
    producer: Celery,
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/api"
    environment |= {"FLOWER_UNAUTHENTICATED_API": "true"}
    with (
        running_worker(environment, tmp_path),
        running(
            environment,
            tmp_path,
            "flower",
            f"--port={port}",
            "--address=127.0.0.1",
            ready="Connected to",
        ),
    ):
        ping = celery(environment, "inspect", "ping")
        assert (ping.returncode, "pong" in ping.stdout) == (0, True)
        campaign = make_campaign(engine)
        Bell(producer).ring([Batch(campaign, (1,))])
        eventually(lambda: requests.get(f"{address}/workers", timeout=5).json(), within=20)
        (task,) = eventually(
            lambda: requests.get(f"{address}/tasks", timeout=5).json().values(), within=20
        )
        assert task["name"] == "workers.tasks.deliver"
        assert str(campaign) in task["args"]
        assert "[1]" in task["args"]
