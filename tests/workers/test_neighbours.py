"""Two deployments on one Redis, and a Redis on which a deployment may do little."""

import re
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from redis import Redis
from sqlalchemy import Engine

from dispatcher.books.session import make_engine
from dispatcher.checkup import examine
from dispatcher.settings import read_settings
from tests.databases import fresh_database
from tests.sandbox_process import PushApi
from tests.waiting import eventually
from tests.workers.neighbours import (
    assert_undisturbed,
    completes,
    never_meet,
    outlives,
    two_deployments,
    url_of,
)
from tests.workers.worker_process import running_worker

PASSWORD = "p@ss/w:rd#?%25 ü"
QUEUE = "shop.push_2-eu"
OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"


@pytest.fixture
def surroundings(environment: dict[str, str], vendor: PushApi) -> dict[str, str]:
    """The environment of a worker that can send."""
    return environment | {"DISPATCHER_PUSH_API_URL": vendor.url}


@pytest.fixture
def other_engine(servers: object, template_database: str, database_url: str) -> Iterator[Engine]:
    """The database of another deployment."""
    with fresh_database(database_url, template_database) as url:
        engine = make_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def narrow_url(redis: Redis, broker_url: str) -> Iterator[str]:
    """The broker's URL for a user with the rights that the documents name, and no more."""
    (rule,) = re.findall(r"^ACL SETUSER [^`]+", OPERATING.read_text("utf-8"), re.MULTILINE)
    words = [word.replace(">PASSWORD", f">{PASSWORD}") for word in rule.split()]
    redis.execute_command(*words)  # type: ignore[no-untyped-call]
    server = urlsplit(broker_url)
    yield f"redis://dispatcher:{quote(PASSWORD, safe='')}@{server.hostname}:{server.port}/0"
    redis.acl_deluser("dispatcher")


def test_two_deployments_on_one_redis_never_meet(
    surroundings: dict[str, str],
    engine: Engine,
    other_engine: Engine,
    redis: Redis,
    tmp_path: Path,
) -> None:
    other = surroundings | {
        "DISPATCHER_DATABASE_URL": url_of(other_engine),
        "DISPATCHER_QUEUE": QUEUE,
    }
    with two_deployments(surroundings, other, tmp_path) as (one, two):
        never_meet(one, engine, two, other_engine)
        assert strays(redis, "dispatcher", QUEUE) == []
        outlives(one, engine, two)


def strays(redis: Redis, *queues: str) -> list[str]:
    """The keys that are nobody's by their names; Celery keeps one for all who are there."""
    begin = tuple(f"{prefix}{queue}" for queue in queues for prefix in ("", "reply."))
    found = [bytes(key).decode() for key in redis.scan_iter()]
    named = [re.sub(r"^_kombu\.binding(_permanent)?\.", "", key) for key in found]
    return [key for key in named if not key.startswith((*begin, "_kombu.binding_deadlines"))]


def test_the_rights_that_the_documents_name_are_enough(
    surroundings: dict[str, str], narrow_url: str, engine: Engine, redis: Redis, tmp_path: Path
) -> None:
    narrow = surroundings | {"DISPATCHER_BROKER_URL": narrow_url}
    with running_worker(narrow, tmp_path) as worker:
        completes(engine, rate=100.0)
        completes(engine)
        eventually(lambda: doubts(narrow) == {"durability"}, within=60)
        worker.process.terminate()
        assert worker.ends() == 0
        assert_undisturbed(worker)
        assert "NOPERM" not in worker.log
    denied = [entry["object"] for entry in redis.acl_log()]
    assert denied == []


def doubts(surroundings: dict[str, str]) -> set[str]:
    """What doctor does not find in order; the servers of the tests do without fsync."""
    found = examine(read_settings(surroundings))
    return {check.name for check in found if check.result != "ok"}


def test_a_socket_serves_celery_the_rates_and_doctor(
    surroundings: dict[str, str], engine: Engine, broker_url: str, tmp_path: Path
) -> None:
    with listening(tmp_path / "my redis.sock", broker_url) as path:
        password = quote(urlsplit(broker_url).password or "", safe="")
        near = surroundings | {
            "DISPATCHER_BROKER_URL": f"unix://:{password}@{quote(str(path))}?db=3"
        }
        with running_worker(near, tmp_path) as worker:
            completes(engine, rate=100.0)
            eventually(lambda: doubts(near) == {"durability"}, within=60)
            assert_undisturbed(worker)
            assert password not in worker.log
        away = near | {"DISPATCHER_BROKER_URL": "unix:///nowhere/redis.sock"}
        (broker,) = [c for c in examine(read_settings(away)) if c.name == "broker"]
        assert "/nowhere/redis.sock" in broker.words


@contextmanager
def listening(path: Path, broker_url: str) -> Iterator[Path]:
    """A Unix socket by which one reaches the broker."""
    at = urlsplit(broker_url)
    over = threading.Event()
    threads: list[threading.Thread] = []

    def pass_on(near: socket.socket) -> None:
        far = socket.create_connection((at.hostname or "", at.port or 0))
        with near, far, suppress(OSError):
            while not over.is_set():
                for end in select.select([near, far], [], [], 0.05)[0]:
                    data = end.recv(65_536)
                    if not data:
                        return
                    (far if end is near else near).sendall(data)

    def accept(listener: socket.socket) -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                threads.append(threading.Thread(target=pass_on, args=(listener.accept()[0],)))
                threads[-1].start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(0.05)
        threads.append(threading.Thread(target=accept, args=(listener,)))
        threads[0].start()
        try:
            yield path
        finally:
            over.set()
            for thread in threads:
                thread.join(10)
