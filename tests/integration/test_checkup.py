"""`doctor` names what would make the promise void, and what to do about it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from kombu.exceptions import OperationalError
from sqlalchemy import text

from dispatcher import checkup
from dispatcher.books import fleet, outbox, transitions
from dispatcher.books.session import make_engine, transaction
from dispatcher.checkup import Check, examine
from dispatcher.settings import Secret, Settings
from tests.integration.builders import Books
from tests.sandbox_process import PushApi, running_push_api
from tests.workers.scripted_server import Peer, serving


@pytest.fixture(scope="module")
def vendor() -> Iterator[PushApi]:
    with running_push_api() as vendor:
        yield vendor


@pytest.fixture
def settings(tmp_path: Path, books: Books, broker_url: str, vendor: PushApi) -> Settings:
    """Settings with which everything is in place but a worker."""
    return Settings(
        home=tmp_path,
        push_api_url=vendor.url,
        database_url=books.engine.url.render_as_string(hide_password=False),
        broker_url=broker_url,
        redis_url=broker_url,
        tokens={"default": Secret("sandbox-token")},
    )


def checks(settings: Settings) -> dict[str, Check]:
    return {check.name: check for check in examine(settings)}


CHECKED = (
    *("token", "push api", "database", "limits", "rights"),
    *("broker", "redis", "clocks", "relay"),
)


def test_what_is_in_place_is_said_to_be(settings: Settings) -> None:
    found = checks(settings)
    for name in CHECKED:
        assert found[name].result == "ok", found[name]


def test_a_database_that_takes_no_writes_fails(settings: Settings, database_url: str) -> None:
    engine = make_engine(database_url)
    with transaction(engine) as connection:
        name = engine.url.database
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    engine.dispose()
    found = checks(replace(settings, database_url=database_url))
    assert found["database"].result == "failed"
    assert (
        "only reads: it is a standby, or default_transaction_read_only" in found["database"].words
    )


def test_a_database_that_can_lose_a_commit_fails(settings: Settings) -> None:
    """The servers of the tests do without fsync, which is just what is to be found."""
    found = checks(settings)["durability"]
    assert found.result == "failed"
    assert "fsync" in found.words


def test_no_worker_alive_fails_with_the_command_to_start_one(settings: Settings) -> None:
    found = checks(settings)["workers"]
    assert found.result == "failed"
    assert "celery -A workers worker" in found.words


def test_a_worker_that_is_alive_is_counted(settings: Settings, books: Books) -> None:
    books.do(fleet.seen, "worker-1", 64)
    assert checks(settings)["workers"].words == "alive, for 64 requests at once"


def test_a_missing_token_fails(settings: Settings) -> None:
    found = checks(replace(settings, tokens={}))["token"]
    assert found.result == "failed"
    assert "DISPATCHER_USER_TOKEN is not set" in found.words


def test_webhooks_that_wait_or_were_given_up_are_told_with_why(
    settings: Settings, books: Books
) -> None:
    told = books.campaign(notify_url="https://example.org/hook")
    told.do(transitions.pause)
    told.do(transitions.resume)
    assert checks(settings)["webhooks"].result == "ok"
    books.time_passes(timedelta(minutes=2))
    (first,) = books.do(outbox.take, (), most=8, lease=timedelta(seconds=30))
    values = {"delivered": False, "http_status": 410, "error": None, "again_in": None}
    books.do(outbox.record, first, **values)
    found = checks(settings)["webhooks"]
    assert found.result == "warning"
    assert found.words == (
        "1 webhook waiting for more than a minute and 1 webhook given up: `dispatcher webhook "
        "list` says why; DISPATCHER_NOTIFY_SECRET is not set here, and workers deliver none "
        "without it"
    )


def test_an_api_out_of_reach_fails(settings: Settings) -> None:
    found = checks(replace(settings, push_api_url="http://127.0.0.1:9/"))["push api"]
    assert found.result == "failed"
    assert "127.0.0.1:9" in found.words


def test_an_unmigrated_database_fails(settings: Settings, empty_database_url: str) -> None:
    found = checks(replace(settings, database_url=empty_database_url))
    assert "dispatcher migrate" in found["database"].words
    assert "relay" not in found


def test_a_broker_out_of_reach_fails(settings: Settings) -> None:
    away = "redis://127.0.0.1:9/0"
    found = checks(replace(settings, broker_url=away, redis_url=away))
    assert (found["broker"].result, found["redis"].result) == ("failed", "failed")
    assert "celery" not in found


@pytest.mark.parametrize(("limit", "result"), [(0, "warning"), (10**9, "failed")])
def test_a_redis_that_evicts_is_told(
    settings: Settings, broker_url: str, limit: int, result: str
) -> None:
    client = redis.Redis.from_url(broker_url)
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", limit)
    try:
        found = checks(settings)["redis"]
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 0)
        client.close()
    assert found.result == result
    assert "noeviction" in found.words


def test_a_redis_that_does_not_tell_what_it_evicts_is_a_warning(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redis.Redis.info", lambda *_: {"used_memory": 1})
    found = checks(settings)["redis"]
    assert found.result == "warning"
    assert "noeviction" in found.words


def test_what_nobody_foresaw_fails_its_check_in_a_line_and_the_others_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(_: object) -> None:
        raise OperationalError("no route\nat all")

    monkeypatch.setattr("dispatcher.publishing.Bell.look", look)
    found = checks(settings)
    assert found["broker"] == Check("broker", "failed", "it ends with OperationalError: no route")
    assert found["redis"].result == "ok"


def test_a_clock_that_is_off_is_told(settings: Settings, books: Books) -> None:
    books.do(fleet.seen, "worker-1", 4)
    books.run("UPDATE worker SET clock_ahead = interval '-7 s'")
    found = checks(settings)["clocks"]
    assert found.result == "warning"
    assert "7.0 s" in found.words


def test_chunks_that_no_relay_publishes_are_told(settings: Settings, books: Books) -> None:
    books.campaign(chunks=3)
    books.time_passes(timedelta(minutes=1))
    found = checks(settings)["relay"]
    assert found.result == "failed"
    assert found.words.startswith("1 campaign overdue by more than 15 s")


def test_a_lease_that_nobody_takes_back_is_told(settings: Settings, books: Books) -> None:
    campaign = books.campaign()
    campaign.claimed()
    books.time_passes(timedelta(minutes=2))
    assert checks(settings)["relay"].words.startswith("1 campaign overdue by more than 15 s")


@pytest.mark.parametrize("part", ["headers", "body"])
def test_an_answer_without_end_ends_the_check(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def go_on(peer: Peer) -> None:
        peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if part == "body" else b"X-Slow: "))
        while True:
            peer.drip(b"x")

    monkeypatch.setattr(checkup, "_LONGEST", 1.0)
    with serving(go_on) as server:
        alone = replace(settings, push_api_url=server.url, database_url=None, broker_url=None)
        check = checks(replace(alone, redis_url=None))["push api"]
    assert check.result == ("failed" if part == "headers" else "ok")


def test_what_waits_for_its_accounts_probes_or_its_turn_is_no_relays_fault(
    settings: Settings, books: Books
) -> None:
    books.campaign(chunks=3)
    books.time_passes(timedelta(minutes=1))
    books.account_is(doubts=3, doubtful_since=books.now())
    assert checks(settings)["relay"].result == "ok"
    books.account_is(doubts=0, doubtful_since=None)
    books.do(fleet.seen, "worker-1", 4, 0.01)
    assert checks(settings)["relay"].result == "ok"
