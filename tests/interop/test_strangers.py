"""A message that is not ours does no harm: it is told in a line and dropped, on RabbitMQ."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import amqp
import pytest
from sqlalchemy import Engine

from tests.interop.rabbitmq import RabbitMq
from tests.poison import mutations, strange_commands, strange_tasks
from tests.waiting import eventually
from tests.workers.books import make_campaign, rows
from tests.workers.worker_process import Program, celery, running_worker

QUEUE, CONTROL = "dispatcher", "dispatcher:control.pidbox"


class Publisher:
    """Somebody else on the same vhost."""

    def __init__(self, url: str) -> None:
        at = urlsplit(url)
        self._connection = amqp.Connection(
            host=f"{at.hostname}:{at.port}",
            userid=at.username,
            password=at.password,
            virtual_host=unquote(at.path[1:]),
        )
        self._connection.connect()
        self._channel = self._connection.channel()

    def publish(
        self, body: object, headers: object, *, exchange: str = "", key: Any = QUEUE, **changes: Any
    ) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        properties = {"content_type": "application/json", "content_encoding": "utf-8"} | changes
        message = amqp.basic_message.Message(raw, application_headers=headers, **properties)
        self._channel.basic_publish(message, exchange=exchange, routing_key=key)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def stranger(amqp_url: str) -> Iterator[Publisher]:
    publisher = Publisher(amqp_url)
    yield publisher
    publisher.close()


def completes_a_campaign(engine: Engine, worker: Program) -> None:
    campaign_id = make_campaign(engine, 3, published=False)
    state = "SELECT state FROM campaign WHERE id = :id"
    eventually(lambda: rows(engine, state, id=campaign_id)[0].state == "completed", within=60)
    assert worker.process.poll() is None
    assert "Traceback" not in worker.log


def dropped(worker: Program) -> int:
    return sum("dropped" in line for line in worker.log.splitlines())


def test_what_is_not_ours_is_dropped_in_a_line_and_not_given_to_the_next(
    surroundings: dict[str, str],
    engine: Engine,
    stranger: Publisher,
    rabbitmq: RabbitMq,
    vhost: str,
    tmp_path: Path,
) -> None:
    fine = {"lang": "py", "task": "workers.tasks.deliver", "id": "1"}
    bomb = zlib.compress(b"[" + b"0," * 50_000_000 + b"0]")
    with running_worker(surroundings, tmp_path) as worker:
        for body, headers in strange_tasks().values():
            stranger.publish(body, headers)
        count = len(strange_tasks())
        stranger.publish(bomb, fine | {"compression": "application/x-gzip"})
        stranger.publish(b"garbage", None)
        stranger.publish(b"garbage", fine, content_type="application/x-python-serialize")
        stranger.publish([], fine, content_type=b"\xff\xfe")
        stranger.publish([], fine, content_encoding="zlib_codec")
        stranger.publish([], fine, correlation_id=b"\xff")
        stranger.publish(b"x" * 200_000, fine)
        eventually(lambda: dropped(worker) >= count + 7, within=60)
        completes_a_campaign(engine, worker)
        assert dropped(worker) == count + 7
        worker.process.terminate()
        assert worker.ends() == 0
    eventually(lambda: waiting(rabbitmq, vhost) == 0, within=30)


def waiting(rabbitmq: RabbitMq, vhost: str) -> int:
    """The messages that a queue still holds, by the server's own count."""
    return int(rabbitmq.ask("GET", f"queues/{vhost}/{QUEUE}").get("messages", -1))


def test_a_command_that_makes_no_sense_is_dropped(
    surroundings: dict[str, str], engine: Engine, stranger: Publisher, tmp_path: Path
) -> None:
    with running_worker(surroundings, tmp_path) as worker:
        for body in strange_commands().values():
            stranger.publish(body, {"clock": 5}, exchange=CONTROL, key="")
        stranger.publish(b"\xff", {}, exchange=CONTROL, key="")
        stranger.publish({"method": "ping"}, {"clock": "soon"}, exchange=CONTROL, key="")
        stranger.publish({"method": "ping"}, {}, exchange=CONTROL, key=b"\xff\xfe")
        completes_a_campaign(engine, worker)
        assert "pong" in celery(surroundings, "inspect", "ping").stdout
        assert "lost" not in worker.log


def test_whatever_is_made_of_a_task_no_worker_ends(
    surroundings: dict[str, str],
    engine: Engine,
    stranger: Publisher,
    rabbitmq: RabbitMq,
    vhost: str,
    tmp_path: Path,
) -> None:
    with running_worker(surroundings, tmp_path) as worker:
        for body, headers in mutations(seed=20261125, count=400):
            if is_table(headers):
                stranger.publish(body, headers)
        eventually(lambda: waiting(rabbitmq, vhost) == 0, within=60)
        completes_a_campaign(engine, worker)


def is_table(headers: object) -> bool:
    """Whether RabbitMQ's protocol has a form for these headers."""
    if not isinstance(headers, dict):
        return False
    return all(isinstance(value, str | bool | None) for value in headers.values())
