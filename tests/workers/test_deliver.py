"""What delivering makes of a chunk, with a real database and a Push API that keeps a ledger."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, event

from dispatcher.books import transitions
from dispatcher.books.session import transaction
from tests.sandbox_process import PushApi, running_push_api
from tests.workers.books import chunk, make_campaign, member, rows, show
from workers.connection import clock
from workers.deliver import Courier, deliver_all
from workers.rate_limit import RateLimit

Couriers = Callable[..., Courier]


@pytest.fixture(scope="module")
def one_vendor() -> Iterator[PushApi]:
    """A Push API for all these tests: each campaign has pack_ids of its own."""
    with running_push_api() as vendor:
        yield vendor


@pytest.fixture
def vendor(one_vendor: PushApi) -> PushApi:
    """The Push API with empty books and no faults."""
    one_vendor.ask("DELETE", "ledger")
    one_vendor.set_faults(latency=0.0, next=[])
    return one_vendor


def attempts(engine: Engine) -> list[Any]:
    return rows(engine, "SELECT * FROM attempt ORDER BY sequence, attempt")


def test_an_accepted_chunk_is_delivered_with_the_vendors_numbers(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = make_campaign(engine)
    deliver_all(courier(vendor.url), campaign, [1])
    row = chunk(engine, campaign)
    assert (row.state, row.audience, row.successful, row.erroneous) == ("delivered", 1, 1, 0)
    assert row.in_doubt_since is None
    assert vendor.pushes(member(1)) == [1]
    (attempt,) = attempts(engine)
    assert (attempt.outcome, attempt.worker, attempt.error_details) == ("accepted", "w/1", "[]")


@pytest.mark.parametrize(
    ("fault", "state", "outcome", "in_doubt"),
    [
        ("code_33", "rejected", "nobody_reached", False),
        ("code_6", "rejected", "nobody_reached", False),
        ("code_4", "rejected", "campaign_wrong", False),
        ("code_32", "uncounted", "already_sent", True),
        ("code_1", "pending", "in_doubt", True),
        ("code_2", "pending", "corrupted", False),
        ("code_11", "pending", "access_refused", False),
        ("code_99", "pending", "in_doubt", True),
        ("error_429", "pending", "throttled", False),
        ("error_429_date", "pending", "throttled", False),
        ("error_503", "pending", "in_doubt", True),
        ("error_500_before", "pending", "in_doubt", True),
        ("error_500_after", "pending", "in_doubt", True),
        ("drop_before", "pending", "in_doubt", True),
        ("reset_after", "pending", "in_doubt", True),
        ("garbage", "pending", "in_doubt", True),
        ("cut_reply", "pending", "in_doubt", True),
        ("cut_headers", "pending", "in_doubt", True),
        ("redirect", "pending", "in_doubt", True),
    ],
)
def test_each_outcome_ends_in_its_state(
    courier: Couriers,
    vendor: PushApi,
    engine: Engine,
    fault: str,
    state: str,
    outcome: str,
    in_doubt: bool,
) -> None:
    vendor.next(fault)
    campaign = make_campaign(engine)
    deliver_all(courier(vendor.url), campaign, [1])
    row = chunk(engine, campaign)
    assert (row.state, row.in_doubt_since is not None) == (state, in_doubt)
    assert row.published_at is None
    assert [(attempt.outcome, attempt.chunk_state) for attempt in attempts(engine)] == [
        (outcome, state)
    ]


@pytest.mark.parametrize("fault", ["hang_before", "hang_after", "drip"])
def test_a_request_that_reaches_its_deadline_leaves_the_chunk_in_doubt(
    courier: Couriers, vendor: PushApi, engine: Engine, fault: str
) -> None:
    vendor.next(fault)
    campaign = make_campaign(engine)
    deliver_all(courier(vendor.url, timeout=0.3), campaign, [1])
    row = chunk(engine, campaign)
    assert (row.state, row.error) == ("pending", "No complete reply within 0.3 s")
    assert row.in_doubt_since is not None


def test_a_chunk_that_was_not_sent_is_clean_and_due_again(
    courier: Couriers, engine: Engine
) -> None:
    campaign = make_campaign(engine)
    deliver_all(courier("http://127.0.0.1:1/"), campaign, [1])
    row = chunk(engine, campaign)
    assert (row.state, row.in_doubt_since, row.error) == ("pending", None, "Connection refused")
    assert row.due_at > datetime.now(UTC)


@pytest.mark.parametrize("code", [11, 24])
def test_refused_credentials_pause_the_campaign_with_the_reason(
    courier: Couriers, vendor: PushApi, engine: Engine, code: int
) -> None:
    vendor.next(f"code_{code}")
    campaign = make_campaign(engine, chunks=2)
    deliver_all(courier(vendor.url), campaign, [1, 2])
    shown = show(engine, campaign)
    assert shown.state == "paused"
    assert f"code {code}" in (shown.reason or "")
    assert len(vendor.requests()) == 1


def test_a_refused_token_is_in_no_table(courier: Couriers, vendor: PushApi, engine: Engine) -> None:
    campaign = make_campaign(engine)
    deliver_all(courier(vendor.url, token="a-very-wrong-token"), campaign, [1])
    tables = [f"SELECT {name}::text FROM {name}" for name in ("campaign", "chunk", "attempt")]
    found = rows(engine, " UNION ALL ".join(tables))
    assert "Wrong user token ***" in str(found)
    assert "a-very-wrong-token" not in str(found)


def test_a_reply_that_was_lost_is_asked_for_and_counts_once(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    vendor.next("drop_after")
    campaign = make_campaign(engine)
    deliver_all(courier(vendor.url), campaign, [1])
    rows(engine, "UPDATE chunk SET due_at = now()")
    deliver_all(courier(vendor.url), campaign, [1])
    assert chunk(engine, campaign).state == "uncounted"
    assert vendor.pushes(member(1)) == [1]


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_the_chunks_of_a_campaign_that_does_not_run_are_given_back(
    courier: Couriers, vendor: PushApi, engine: Engine, state: str
) -> None:
    campaign = make_campaign(engine, chunks=3)
    change = transitions.pause if state == "paused" else transitions.cancel
    with transaction(engine) as connection:
        change(connection, campaign)
    deliver_all(courier(vendor.url), campaign, [1, 2, 3])
    assert not vendor.requests()
    assert not rows(engine, "SELECT FROM chunk WHERE published_at IS NOT NULL")


def test_a_worker_that_closes_gives_the_rest_back(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = make_campaign(engine, chunks=3)
    closing = courier(vendor.url, closing=lambda: bool(vendor.requests()))
    deliver_all(closing, campaign, [1, 2, 3])
    assert [chunk(engine, campaign, n).state for n in (1, 2, 3)] == [
        "delivered",
        "pending",
        "pending",
    ]
    assert not rows(engine, "SELECT FROM chunk WHERE published_at IS NOT NULL")


def test_a_message_is_worked_on_for_half_a_second(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    vendor.set_faults(latency=0.3)
    campaign = make_campaign(engine, chunks=5)
    deliver_all(courier(vendor.url), campaign, [1, 2, 3, 4, 5])
    assert len(vendor.requests()) == 2
    assert not rows(engine, "SELECT FROM chunk WHERE published_at IS NOT NULL")


def test_a_chunk_is_sent_once_by_two_that_deliver_it_at_once(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    ours = courier(vendor.url)
    sequences = list(range(1, 11))
    campaign = make_campaign(engine, chunks=10)
    start = threading.Barrier(2)

    def race() -> None:
        start.wait()
        deliver_all(ours, campaign, sequences)

    racers = [threading.Thread(target=race) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert vendor.pushes(*map(member, sequences)) == [1] * 10
    assert len(vendor.requests()) == 10


def test_nothing_is_sent_where_the_claims_commit_fails(
    courier: Couriers, vendor: PushApi, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    campaign = make_campaign(engine)
    ours = courier(vendor.url)

    def end_the_session(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "lease_until = due.now" in statement:
            rows(
                engine,
                "SELECT pg_terminate_backend(:pid)",
                pid=connection.connection.driver_connection.info.backend_pid,
            )

    event.listen(engine, "after_cursor_execute", end_the_session)
    deliver_all(ours, campaign, [1])
    event.remove(engine, "after_cursor_execute", end_the_session)
    assert not vendor.requests()
    row = chunk(engine, campaign)
    assert (row.state, row.attempt, row.published_at) == ("pending", 0, None)
    assert "PostgreSQL" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_worker_that_was_frozen_past_its_lease_sends_nothing(
    courier: Couriers, vendor: PushApi, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(engine)
    frozen = timedelta(0)
    monkeypatch.setattr("workers.connection.clock", lambda: clock() + frozen.total_seconds())

    def freeze(*_: Any) -> None:
        nonlocal frozen
        frozen = timedelta(seconds=11)

    event.listen(engine, "commit", freeze)
    deliver_all(courier(vendor.url, timeout=1), campaign, [1])
    event.remove(engine, "commit", freeze)
    assert not vendor.requests()
    row = chunk(engine, campaign)
    assert (row.state, row.in_doubt_since) == ("pending", None)


def test_a_chunk_whose_window_ends_before_its_request_could_begin_is_not_sent(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    vendor.next("drop_before")
    campaign = make_campaign(engine)
    ours = courier(vendor.url, timeout=1, window=4)
    deliver_all(ours, campaign, [1])
    rows(engine, "UPDATE chunk SET due_at = now(), in_doubt_since = now() - interval '2.6 s'")
    deliver_all(ours, campaign, [1])
    assert len(vendor.requests()) == 1


def test_a_chunk_without_a_place_in_the_rate_is_given_back_until_its_place(
    courier: Couriers, vendor: PushApi, engine: Engine, broker_url: str
) -> None:
    campaign = make_campaign(engine, chunks=2, rate=0.5)
    with Redis.from_url(broker_url) as redis:
        deliver_all(courier(vendor.url, limit=RateLimit(redis)), campaign, [1, 2])
    row = chunk(engine, campaign, 2)
    assert (row.state, row.attempt, row.published_at) == ("pending", 0, None)
    assert timedelta(seconds=1) < row.due_at - datetime.now(UTC) <= timedelta(seconds=2)
    assert chunk(engine, campaign, 1).state == "delivered"


def test_a_rate_is_kept_by_waiting(
    courier: Couriers, vendor: PushApi, engine: Engine, broker_url: str
) -> None:
    campaign = make_campaign(engine, chunks=4, rate=10)
    began = time.monotonic()
    with Redis.from_url(broker_url) as redis:
        deliver_all(courier(vendor.url, limit=RateLimit(redis)), campaign, [1, 2, 3, 4])
    assert time.monotonic() - began >= 0.3
    assert show(engine, campaign).chunks.total == len(vendor.requests()) == 4
