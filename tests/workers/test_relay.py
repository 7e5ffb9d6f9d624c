"""The relay's rounds, with a real broker and messages read back from it."""

import json
import logging
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from celery import Celery
from redis import Redis
from sqlalchemy import Engine

from dispatcher.books import transitions
from dispatcher.books.session import make_engine, transaction
from dispatcher.publishing import DELIVER, begin, broker_settings
from dispatcher.settings import DEFAULT_QUEUE
from dispatcher.tracing import Tracer
from tests.proxy import Proxy, proxied
from tests.sandbox_process import PushApi
from tests.waiting import eventually
from tests.workers.books import chunk, make_campaign, rows, show
from tests.workers.messages import messages
from workers.courier import Courier
from workers.deliver import deliver_all
from workers.fencing import Fencing
from workers.rate_limit import RateLimit
from workers.relay import Relay

Relays = Callable[..., Relay]


@pytest.fixture
def relay(engine: Engine, broker_url: str) -> Iterator[Relays]:
    """Makes relays, which stop with the test."""
    with ExitStack() as stack:

        def make(*, road: Proxy | None = None, name: str = "w/1", own: Engine = engine) -> Relay:
            app = Celery("test", set_as_current=False)
            app.conf.update(broker_settings(broker_url if road is None else road.url))
            stack.callback(app.close)
            return Relay(
                own,
                app,
                life=own,
                worker=name,
                slots=4,
                window=timedelta(seconds=500),
                account_rate=None,
                gauge=RateLimit(None),
                keep_audience=timedelta(days=30),
                fencing=Fencing(own, []),
                tracer=Tracer(),
            )

        yield make


@pytest.fixture
def started(relay: Relays) -> Iterator[Callable[..., Relay]]:
    """Makes relays that go round until the test ends."""
    with ExitStack() as stack:

        def start(**options: Any) -> Relay:
            made = relay(**options)
            made.start()
            stack.callback(made.stop)
            return made

        yield start


def unpublished(engine: Engine, chunks: int = 1) -> UUID:
    """A campaign nothing of which has been published."""
    return make_campaign(engine, chunks, published=False)


def test_a_message_names_the_task_the_campaign_and_its_chunks_and_nothing_else(
    relay: Relays, engine: Engine, redis: Redis
) -> None:
    campaign = unpublished(engine)
    round_of = relay()
    round_of.pulse.beat()
    round_of.publish()
    assert messages(redis) == [(DELIVER, [str(campaign), [1]])]
    assert chunk(engine, campaign).published_at is not None
    round_of.publish()
    assert len(messages(redis)) == 1


def test_a_campaign_is_published_chunk_by_chunk_until_it_is_complete(
    started: Relays,
    engine: Engine,
    redis: Redis,
    courier: Callable[..., Courier],
    sandbox: Callable[..., PushApi],
) -> None:
    vendor = sandbox()
    ours = courier(vendor.url)
    campaign = unpublished(engine, chunks=30)
    started()

    def work() -> bool:
        while (message := redis.rpop(DEFAULT_QUEUE)) is not None:
            assert isinstance(message, bytes)
            (campaign_id, sequences), *_ = json.loads(b64decode(json.loads(message)["body"]))
            deliver_all(ours, UUID(campaign_id), sequences)
        return show(engine, campaign).state == "completed"

    eventually(work, within=10)
    shown = show(engine, campaign)
    assert (shown.chunks.delivered, shown.members.delivered) == (30, 30)
    assert vendor.ledger()["max"] == 1


def test_a_relay_that_is_woken_does_not_wait_for_its_time(
    started: Relays, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.relay._ROUND", 60)
    running = started()
    eventually(lambda: rows(engine, "SELECT FROM worker"))
    campaign = unpublished(engine)
    running.wake()
    eventually(lambda: messages(redis))
    assert messages(redis) == [(DELIVER, [str(campaign), [1]])]


def test_a_sweep_forgets_audiences_whose_time_is_over_and_workers_that_are_long_dead(
    relay: Relays, engine: Engine
) -> None:
    old, young = make_campaign(engine), make_campaign(engine)
    with transaction(engine) as connection:
        for campaign in (old, young):
            transitions.cancel(connection, campaign)
        connection.exec_driver_sql(
            "UPDATE campaign SET finished_at = finished_at - interval '30 days' WHERE id = %s",
            (old,),
        )
        connection.exec_driver_sql(
            "INSERT INTO worker (name, slots, seen_at) VALUES ('killed', 8, now() - interval '1 h')"
        )
    relay().sweep()
    assert chunk(engine, old).members is None
    assert chunk(engine, young).members is not None
    assert rows(engine, "SELECT FROM worker") == []


def test_only_one_of_two_relays_does_a_round(
    relay: Relays, engine: Engine, redis: Redis, database_url: str
) -> None:
    unpublished(engine)
    one = relay()
    one.pulse.beat()
    with transaction(engine) as connection:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (0x7075626C,))
        one.publish()
    assert not messages(redis)
    one.publish()
    assert len(messages(redis)) == 1


def test_only_the_relay_that_leads_sweeps_until_it_is_gone(relay: Relays, engine: Engine) -> None:
    first, second = relay(name="w/1"), relay(name="w/2")
    first.pulse.beat()
    make_campaign(engine)
    rows(engine, "UPDATE chunk SET published_at = now() - interval '31 s'")
    second.pulse.beat()
    second.sweep()
    assert rows(engine, "SELECT FROM chunk WHERE published_at IS NOT NULL")
    rows(engine, "UPDATE worker SET seen_at = now() - interval '3 s' WHERE name = 'w/1'")
    second.pulse.beat()
    second.sweep()
    assert not rows(engine, "SELECT FROM chunk WHERE published_at IS NOT NULL")


def test_a_relay_that_does_not_lead_publishes_nevertheless(
    relay: Relays, engine: Engine, redis: Redis
) -> None:
    first, second = relay(name="w/1"), relay(name="w/2")
    first.pulse.beat()
    second.pulse.beat()
    unpublished(engine)
    second.publish()
    assert messages(redis)


def test_a_relay_that_finds_work_comes_again_though_another_leads(
    started: Relays,
    relay: Relays,
    engine: Engine,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.relay._SWEEP_EVERY", 60)
    monkeypatch.setattr("workers.pulse._EVERY", 60)
    monkeypatch.setattr("dispatcher.publishing.planning._SLOW_START", timedelta(seconds=0.01))
    relay(name="w/1").pulse.beat()
    second = started(name="w/2")
    eventually(lambda: len(rows(engine, "SELECT FROM worker")) == 2)
    unpublished(engine, chunks=2)
    second.wake()
    eventually(lambda: len(messages(redis)) == 2)


def test_two_relays_at_once_publish_a_chunk_once(
    started: Relays, engine: Engine, redis: Redis
) -> None:
    started(name="w/1")
    started(name="w/2")
    eventually(lambda: len(rows(engine, "SELECT FROM worker")) == 2)
    campaigns = [unpublished(engine) for _ in range(10)]
    eventually(lambda: len(messages(redis)) >= len(campaigns))
    assert len({str(arguments) for _, arguments in messages(redis)}) == len(messages(redis))


def test_a_campaign_that_is_handed_over_amid_a_round_begins_with_one_chunk_all_the_same(
    relay: Relays, engine: Engine, broker_url: str
) -> None:
    going_round = relay()
    done = threading.Event()

    def go_round() -> None:
        while not done.is_set():
            going_round.publish()

    with ThreadPoolExecutor(1) as other, Celery("test", set_as_current=False) as app:
        app.conf.update(broker_settings(broker_url))
        rounds = other.submit(go_round)
        for _ in range(30):
            begin(engine, app, unpublished(engine, chunks=3))
        done.set()
        rounds.result()
    going_round.publish()
    found = rows(engine, "SELECT count(published_at) AS chunks FROM chunk GROUP BY campaign_id")
    assert [row.chunks for row in found] == 30 * [1]


def test_a_sweep_takes_back_what_a_dead_worker_held(
    started: Relays, engine: Engine, redis: Redis
) -> None:
    campaign = unpublished(engine)
    with transaction(engine) as connection:
        lease, window = timedelta(seconds=0), timedelta(seconds=500)
        exchanged = transitions.exchange(
            connection, {}, [(campaign, 1)], worker="dead/1", lease=lease, window=window
        )
        assert exchanged.claims
    started()
    eventually(lambda: messages(redis))
    row = chunk(engine, campaign)
    assert (row.state, row.lost_leases) == ("pending", 1)
    assert row.in_doubt_since is not None


def test_a_sweep_publishes_again_what_nobody_claimed(
    started: Relays, engine: Engine, redis: Redis
) -> None:
    make_campaign(engine)
    rows(engine, "UPDATE chunk SET published_at = now() - interval '31 s'")
    started()
    eventually(lambda: len(messages(redis)) == 1)


def test_a_broker_that_is_away_leaves_the_chunks_due(
    relay: Relays, engine: Engine, redis: Redis, broker_road: Proxy
) -> None:
    campaign = unpublished(engine)
    broker_road.turn_away()
    cut_off = relay(road=broker_road)
    cut_off.pulse.beat()
    with pytest.raises(Exception, match="broker cannot be reached"):
        cut_off.publish()
    assert chunk(engine, campaign).published_at is None
    assert not messages(redis)


def test_trouble_with_the_broker_is_told_once_and_so_is_its_end(
    started: Relays,
    engine: Engine,
    redis: Redis,
    broker_road: Proxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    unpublished(engine)
    broker_road.turn_away()
    with caplog.at_level(logging.INFO, "dispatcher.relay"):
        started(road=broker_road)
        eventually(lambda: "broker cannot be reached" in caplog.text)
        sweeps_later = "SELECT FROM worker, campaign WHERE seen_at > created_at + interval '2.5 s'"
        eventually(lambda: rows(engine, sweeps_later))
        broker_road.let_in()
        eventually(lambda: messages(redis))
        eventually(lambda: "can publish again" in caplog.text)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_trouble_with_the_database_is_told_in_a_sentence_and_passes(
    started: Relays,
    engine: Engine,
    redis: Redis,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with proxied(database_url) as road:
        own = make_engine(road.url)
        running = started(own=own)
        eventually(lambda: rows(engine, "SELECT FROM worker"))
        road.turn_away()
        eventually(lambda: "cannot be used" in caplog.text)
        road.let_in()
        unpublished(engine)
        eventually(lambda: messages(redis), within=10)
        running.stop()
        own.dispose()
    assert "Traceback" not in caplog.text


def test_a_relay_that_stops_takes_its_slots_out_of_the_fleet(relay: Relays, engine: Engine) -> None:
    running = relay()
    running.start()
    eventually(lambda: rows(engine, "SELECT FROM worker"))
    running.stop()
    assert not rows(engine, "SELECT FROM worker")
