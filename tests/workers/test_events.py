"""Task events reach whoever watches, in few messages."""

import json
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine

from tests.proxy import Proxy
from tests.sandbox_process import PushApi
from tests.waiting import eventually
from tests.workers.books import make_campaign, show
from tests.workers.worker_process import running_worker

_MESSAGES = 40
_EVENTS = {"task-received": _MESSAGES, "task-started": _MESSAGES, "task-succeeded": _MESSAGES}


class Watcher:
    """What Flower would hear of tasks."""

    def __init__(self, redis: Redis) -> None:
        self._heard: Any = redis.pubsub()  # type: ignore[no-untyped-call]
        self._heard.psubscribe("/*.dispatcher:events/task.*")
        assert self._heard.get_message(timeout=5)["type"] == "psubscribe"
        self.events: Counter[str] = Counter()
        self.started: set[str] = set()
        self.succeeded: set[str] = set()
        self.messages = 0

    def listen(self) -> int:
        """Take what has come; how many tasks have succeeded so far."""
        while message := self._heard.get_message(timeout=0.05):
            body: list[dict[str, Any]] = json.loads(b64decode(json.loads(message["data"])["body"]))
            self.messages += 1
            self.events.update(str(event["type"]) for event in body)
            self.started |= {e["uuid"] for e in body if e["type"] == "task-started"}
            self.succeeded |= {e["uuid"] for e in body if e["type"] == "task-succeeded"}
        return len(self.succeeded)


@pytest.fixture
def watcher(redis: Redis) -> Watcher:
    """Listens from the test's beginning."""
    return Watcher(redis)


def test_a_watcher_hears_later_of_tasks_that_end_while_the_broker_is_away(
    environment: dict[str, str],
    engine: Engine,
    watcher: Watcher,
    broker_road: Proxy,
    sandbox: Callable[..., PushApi],
    tmp_path: Path,
) -> None:
    vendor = sandbox("--latency", "1")
    environment["DISPATCHER_PUSH_API_URL"] = vendor.url
    environment["DISPATCHER_BROKER_URL"] = broker_road.url
    with running_worker(environment, tmp_path) as worker:
        campaign = make_campaign(engine, chunks=9, published=False)
        eventually(lambda: len(vendor.requests()) == 9, within=20)
        broker_road.turn_away()
        eventually(lambda: show(engine, campaign).state == "completed", within=20)
        broker_road.let_in()
        eventually(lambda: watcher.listen() and watcher.succeeded == watcher.started, within=20)
        worker.process.terminate()
        worker.ends()


def test_a_watcher_hears_of_each_task_and_of_many_at_once(
    environment: dict[str, str],
    engine: Engine,
    watcher: Watcher,
    sandbox: Callable[..., PushApi],
    tmp_path: Path,
) -> None:
    environment["DISPATCHER_PUSH_API_URL"] = sandbox().url
    with running_worker(environment, tmp_path) as worker:
        # With a rate each message has one chunk.
        campaign = make_campaign(engine, chunks=_MESSAGES, rate=200.0, published=False)
        eventually(lambda: show(engine, campaign).state == "completed", within=20)
        worker.process.terminate()
        worker.ends()
    watcher.listen()
    assert watcher.events == _EVENTS
    assert watcher.messages < _MESSAGES
