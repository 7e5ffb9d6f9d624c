"""What delivering makes of a chunk, with a real database and a Push API that keeps a ledger."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg2
import pytest
from redis import Redis
from sqlalchemy import Engine, event

from tests.sandbox_process import PushApi
from tests.workers.books import chunk, make_campaign, member, rows, show
from workers.courier import Courier
from workers.deliver import deliver_all
from workers.rate_limit import RateLimit
from workers.watchdog import clock

Couriers = Callable[..., Courier]


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
    ("sequences", "rate", "told"),
    [([1], None, [["delivered", "pending", "pending"]]), ([1, 2], None, []), ([1], 50.0, [])],
)
def test_the_relay_is_told_when_a_single_chunk_is_worked_off_unless_a_rate_makes_it_single(
    courier: Couriers,
    vendor: PushApi,
    engine: Engine,
    broker_url: str,
    sequences: list[int],
    rate: float | None,
    told: list[list[str]],
) -> None:
    heard: list[list[str]] = []

    def states() -> list[str]:
        return [row.state for row in rows(engine, "SELECT state FROM chunk ORDER BY sequence")]

    campaign = make_campaign(engine, chunks=3, rate=rate)
    with Redis.from_url(broker_url) as redis:
        ours = courier(
            vendor.url, limit=RateLimit(redis), wake_relay=lambda: heard.append(states())
        )
        deliver_all(ours, campaign, sequences)
    assert chunk(engine, campaign).state == "delivered"
    assert heard == told


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
    assert row.due_at > attempts(engine)[0].ended_at


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


def test_nothing_is_sent_where_the_claims_session_has_ended(
    courier: Couriers, vendor: PushApi, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    campaign = make_campaign(engine)
    ours = courier(vendor.url)

    def end_the_session(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "exchange_chunks" in statement:
            rows(
                engine,
                "SELECT pg_terminate_backend(:pid, 5000)",
                pid=connection.connection.driver_connection.info.backend_pid,
            )

    event.listen(engine, "before_cursor_execute", end_the_session)
    deliver_all(ours, campaign, [1])
    event.remove(engine, "before_cursor_execute", end_the_session)
    assert not vendor.requests()
    row = chunk(engine, campaign)
    assert (row.state, row.attempt, row.published_at) == ("pending", 0, None)
    assert "PostgreSQL" in caplog.text
    assert "Traceback" not in caplog.text


def test_nothing_is_sent_where_the_commits_reply_is_lost(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = make_campaign(engine)
    ours = courier(vendor.url)

    def lose_the_reply(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "exchange_chunks" in statement:
            raise psycopg2.OperationalError("server closed the connection unexpectedly")

    event.listen(engine, "after_cursor_execute", lose_the_reply)
    deliver_all(ours, campaign, [1])
    event.remove(engine, "after_cursor_execute", lose_the_reply)
    assert not vendor.requests()
    assert chunk(engine, campaign).state == "sending"


def test_a_worker_that_was_frozen_past_its_lease_sends_nothing(
    courier: Couriers, vendor: PushApi, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(engine)
    frozen = timedelta(0)
    monkeypatch.setattr("workers.connection.clock", lambda: clock() + frozen.total_seconds())

    def freeze(*_: Any) -> None:
        nonlocal frozen
        frozen = timedelta(seconds=11)

    event.listen(engine, "after_cursor_execute", freeze)
    deliver_all(courier(vendor.url, timeout=1), campaign, [1])
    event.remove(engine, "after_cursor_execute", freeze)
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


class _Slots:
    """So many idle slots, each of which does at once what it is enlisted for."""

    def __init__(self, idle: int) -> None:
        self.took = 0
        self._idle = idle

    def enlist(self, work: Callable[[], None]) -> bool:
        if self.took == self._idle:
            return False
        self.took += 1
        thread = threading.Thread(target=work, name="enlisted")
        thread.start()
        thread.join()
        return True


def test_each_idle_slot_takes_a_chunk_of_a_message(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign, woken = make_campaign(engine, chunks=5), []
    ours = courier(vendor.url, enlist=_Slots(9).enlist, wake_relay=lambda: woken.append(1))
    deliver_all(ours, campaign, [1, 2, 3, 4])
    query = "SELECT sequence FROM attempt WHERE campaign_id = :id ORDER BY started_at"
    assert [row.sequence for row in rows(engine, query, id=campaign)] == [2, 3, 4, 1]
    assert chunk(engine, campaign, 5).state == "pending"
    assert woken == []


@pytest.mark.parametrize("idle", [0, 1, 3])
def test_what_no_idle_slot_takes_of_a_message_is_its_own_slots(
    courier: Couriers, vendor: PushApi, engine: Engine, idle: int
) -> None:
    campaign, slots = make_campaign(engine, chunks=4), _Slots(idle)
    ours = courier(vendor.url, enlist=slots.enlist, nobody_waits=lambda: True)
    deliver_all(ours, campaign, [1, 2, 3, 4])
    assert slots.took == idle
    assert vendor.pushes(*map(member, range(1, 5))) == [1] * 4


def test_what_fails_in_a_slot_that_was_enlisted_is_told(
    courier: Couriers, vendor: PushApi, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> bool:
        if threading.current_thread().name == "enlisted":
            raise ValueError("what nobody foresaw")
        return False

    campaign = make_campaign(engine, chunks=2)
    deliver_all(courier(vendor.url, enlist=_Slots(1).enlist, closing=fail), campaign, [1, 2])
    assert "what nobody foresaw" in caplog.text
    assert vendor.pushes(member(1)) == [1]
