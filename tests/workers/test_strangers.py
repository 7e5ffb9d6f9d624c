"""A message that is not ours does no harm: it is told in a line and dropped, on Redis."""

import json
import uuid
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis
from sqlalchemy import Engine

from dispatcher.errors import BrokerUnavailable
from dispatcher.publishing import Batch, Bell, producer
from dispatcher.settings import DEFAULT_QUEUE, read_settings
from tests.poison import (
    envelope,
    mutations,
    strange_commands,
    strange_items,
    strange_tasks,
    task,
)
from tests.sandbox_process import PushApi
from tests.waiting import eventually
from tests.workers.books import make_campaign, rows
from tests.workers.worker_process import Program, celery, running_worker
from workers import transports

CONTROL = f"/0.{DEFAULT_QUEUE}:control.pidbox"
PERSON = "anna@example.com"


def push(redis: Redis, *items: bytes | dict[str, Any]) -> None:
    """As `LPUSH dispatcher` does it."""
    for item in items:
        redis.lpush(DEFAULT_QUEUE, item if isinstance(item, bytes) else json.dumps(item))


def completes_a_campaign(engine: Engine, worker: Program) -> None:
    """The worker lives, and does its work."""
    campaign_id = make_campaign(engine, 3, published=False)
    state = "SELECT state FROM campaign WHERE id = :id"
    eventually(
        lambda: [row.state for row in rows(engine, state, id=campaign_id)] == ["completed"],
        within=30,
    )
    assert worker.process.poll() is None


def one_line_each(worker: Program, count: int) -> None:
    """So many messages were dropped, each in one line, and nothing else was said."""
    eventually(lambda: dropped(worker) >= count, within=30)
    assert dropped(worker) == count
    assert "Traceback" not in worker.log
    assert PERSON not in worker.log


def dropped(worker: Program) -> int:
    return sum("dropped" in line or "failed (" in line for line in worker.log.splitlines())


@pytest.fixture
def surroundings(environment: dict[str, str], vendor: PushApi) -> dict[str, str]:
    """The environment of a worker that can send."""
    return environment | {"DISPATCHER_PUSH_API_URL": vendor.url}


def test_what_is_no_message_is_dropped_in_a_line_before_and_while_it_runs(
    surroundings: dict[str, str], engine: Engine, redis: Redis, tmp_path: Path
) -> None:
    items = strange_items()
    push(redis, *items.values())
    with running_worker(surroundings, tmp_path) as worker:
        one_line_each(worker, len(items))
        push(redis, *items.values())
        one_line_each(worker, 2 * len(items))
        completes_a_campaign(engine, worker)
        assert redis.llen(DEFAULT_QUEUE) == 0


def test_a_task_that_is_not_ours_is_dropped_in_a_line(
    surroundings: dict[str, str], engine: Engine, redis: Redis, tmp_path: Path
) -> None:
    strangers = strange_tasks()
    with running_worker(surroundings, tmp_path) as worker:
        push(redis, *(envelope(*stranger) for stranger in strangers.values()))
        one_line_each(worker, len(strangers))
        completes_a_campaign(engine, worker)
        worker.process.terminate()
        assert worker.ends() == 0


def test_a_command_that_makes_no_sense_is_dropped_in_a_line(
    surroundings: dict[str, str], engine: Engine, redis: Redis, tmp_path: Path
) -> None:
    with running_worker(surroundings, tmp_path) as worker:
        for item in strange_items().values():
            assert redis.publish(CONTROL, item) == 1
        for body in strange_commands().values():
            redis.publish(CONTROL, json.dumps(envelope(body, {"clock": 5})))
        clocks: tuple[object, ...] = ("soon", [], -1, 2**70)
        for clock in clocks:
            redis.publish(CONTROL, json.dumps(envelope({"method": "ping"}, {"clock": clock})))
        completes_a_campaign(engine, worker)
        assert "Traceback" not in worker.log
        answer = celery(surroundings, "inspect", "ping")
        assert "pong" in answer.stdout


def test_whatever_is_made_of_a_task_no_worker_ends(
    surroundings: dict[str, str], engine: Engine, redis: Redis, tmp_path: Path
) -> None:
    with running_worker(surroundings, tmp_path) as worker:
        for body, headers in mutations(seed=20261125, count=400):
            push(redis, envelope(body, headers))
        eventually(lambda: redis.llen(DEFAULT_QUEUE) == 0, within=30)
        completes_a_campaign(engine, worker)
        assert "Traceback" not in worker.log


def test_a_key_that_is_no_queue_is_told_once_and_mended_by_deleting_it(
    surroundings: dict[str, str], engine: Engine, redis: Redis, tmp_path: Path
) -> None:
    settings = read_settings(surroundings)
    redis.set(DEFAULT_QUEUE, "not a list")
    with running_worker(surroundings, tmp_path) as worker:
        worker.says("holds something else than a list")
        with (
            closing(Bell(producer(settings))) as bell,
            pytest.raises(BrokerUnavailable, match="delete it"),
        ):
            bell.ring([Batch(uuid.uuid4(), (1,))])
        redis.delete(DEFAULT_QUEUE)
        completes_a_campaign(engine, worker)
        redis.set(DEFAULT_QUEUE, "not a list")
        eventually(lambda: worker.log.count("holds something else") == 2, within=30)
        redis.delete(DEFAULT_QUEUE)
        completes_a_campaign(engine, worker)
        assert "Traceback" not in worker.log
        assert "Connection to broker lost" not in worker.log


def test_a_campaign_that_nobody_knows_is_told_once_with_what_to_do(
    surroundings: dict[str, str], engine: Engine, redis: Redis, tmp_path: Path
) -> None:
    stranger = str(uuid.uuid4())
    with running_worker(surroundings, tmp_path) as worker:
        push(redis, *(envelope(**task(stranger)) for _ in range(3)))
        worker.says(stranger)
        completes_a_campaign(engine, worker)
        (line,) = [line for line in worker.log.splitlines() if stranger in line]
        assert "DISPATCHER_QUEUE" in line
        assert "WARNING" in line


def test_what_is_dropped_was_heard_all_the_same(
    redis: Redis, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bool] = []
    monkeypatch.setattr(transports, "_on_message", lambda: heard.append(True))
    push(redis, b"no message", b"{}", b"[]")
    app = Celery(set_as_current=False)
    app.conf.task_default_queue = DEFAULT_QUEUE
    screened = app.connection_for_read(broker_url, transport="workers.transports:RedisTransport")

    def all_heard() -> bool:
        with suppress(TimeoutError):
            screened.drain_events(timeout=0.1)
        return len(heard) == 3

    with screened, app.amqp.TaskConsumer(screened):
        eventually(all_heard)
    assert not redis.llen(DEFAULT_QUEUE)
