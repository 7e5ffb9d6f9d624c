"""One bad campaign holds up no other, whatever is wrong with it and whoever has locked it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from celery import Celery
from redis import Redis
from sqlalchemy import Engine, event, text

from dispatcher.books import fleet, transitions
from dispatcher.books.session import transaction
from dispatcher.books.upkeep import Duty, Terms
from dispatcher.publishing import Bell, broker_settings, top_up
from tests.waiting import eventually
from tests.workers.books import chunk, make_campaign, rows, show
from tests.workers.messages import messages
from workers.rate_limit import RateLimit
from workers.sweep import _SECONDS, Sweep

MONTH = timedelta(days=30)
TERMS = Terms.of(timedelta(seconds=500), MONTH)
REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'this row is refused'; END $$
"""


@pytest.fixture
def sweep(engine: Engine) -> Sweep:
    """A relay's sweep."""
    return Sweep(engine, TERMS, lambda: None)


def refuse(engine: Engine, table: str, condition: str) -> None:
    """Let the database refuse every update of these rows of a table."""
    rows(engine, REFUSE)
    rows(
        engine,
        f"CREATE TRIGGER refused BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({condition})"
        " EXECUTE FUNCTION refuse()",
    )


def mend(engine: Engine, table: str) -> None:
    """Refuse nothing any more."""
    rows(engine, f"DROP TRIGGER refused ON {table}")


@contextmanager
def locked(engine: Engine, campaign_id: UUID) -> Iterator[None]:
    """Somebody else's session holds the campaign's row and all of its chunks."""
    with engine.connect() as other:
        for table, key in (("campaign", "id"), ("chunk", "campaign_id")):
            other.execute(
                text(f"SELECT FROM {table} WHERE {key} = :id FOR UPDATE"), {"id": campaign_id}
            )
        yield


def delivered(engine: Engine, campaign_id: UUID) -> None:
    """All of it is delivered, and nobody has summed it up."""
    rows(
        engine,
        "UPDATE chunk SET state = 'delivered', attempt = 1, published_at = NULL,"
        " claimed_at = now(), claimed_by = 'w/0',"
        " settled_at = now(), audience = 1, successful = 1, erroneous = 0 WHERE campaign_id = :id",
        id=campaign_id,
    )
    rows(
        engine,
        "INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at, outcome,"
        " chunk_state) SELECT campaign_id, sequence, 1, 1, 'w/1', now(), 'accepted', state"
        " FROM chunk WHERE campaign_id = :id",
        id=campaign_id,
    )


def with_a_lost_lease(engine: Engine, campaign_id: UUID) -> None:
    claimed = "lease_until = now(), in_doubt_since = now(), claimed_at = now(), claimed_by = 'w/0'"
    rows(
        engine,
        f"UPDATE chunk SET state = 'sending', attempt = 1, published_at = NULL, {claimed}"
        " WHERE campaign_id = :id",
        id=campaign_id,
    )


def unclaimed(engine: Engine, campaign_id: UUID) -> None:
    rows(
        engine,
        "UPDATE chunk SET published_at = now() - interval '31 s' WHERE campaign_id = :id",
        id=campaign_id,
    )


def with_a_closed_window(engine: Engine, campaign_id: UUID) -> None:
    rows(
        engine,
        "UPDATE chunk SET attempt = 1, in_doubt_since = now() - interval '501 s',"
        " claimed_at = now(), claimed_by = 'w/0'"
        " WHERE campaign_id = :id",
        id=campaign_id,
    )


def overdue(engine: Engine, campaign_id: UUID) -> None:
    rows(engine, "UPDATE campaign SET expires_at = now() WHERE id = :id", id=campaign_id)


def to_start(engine: Engine, campaign_id: UUID) -> None:
    rows(
        engine,
        "UPDATE campaign SET state = 'scheduled', send_at = now(), started_at = NULL"
        " WHERE id = :id",
        id=campaign_id,
    )


def ended_long_ago(engine: Engine, campaign_id: UUID) -> None:
    with transaction(engine) as connection:
        transitions.cancel(connection, campaign_id)
    rows(
        engine,
        "UPDATE campaign SET finished_at = now() - interval '31 d' WHERE id = :id",
        id=campaign_id,
    )


def state_of(engine: Engine, campaign_id: UUID) -> tuple[Any, ...]:
    """What upkeep can change."""
    row, campaign = chunk(engine, campaign_id), show(engine, campaign_id)
    return campaign.state, row.state, row.published_at is None, row.members


DUE = [
    delivered,
    with_a_lost_lease,
    unclaimed,
    with_a_closed_window,
    overdue,
    to_start,
    ended_long_ago,
]
each_duty = pytest.mark.parametrize("due", DUE, ids=lambda due: due.__name__)


@each_duty
def test_what_is_locked_by_another_session_is_passed_over_and_everything_else_is_done(
    engine: Engine, sweep: Sweep, due: Callable[[Engine, UUID], None]
) -> None:
    first, held, last = (make_campaign(engine) for _ in range(3))
    for campaign in (first, held, last):
        due(engine, campaign)
    before = state_of(engine, held)
    with locked(engine, held):
        sweep.run()
        assert state_of(engine, held) == before
        assert state_of(engine, first) == state_of(engine, last) != before
    sweep.run()
    assert state_of(engine, held) == state_of(engine, first)


def test_a_chunk_that_is_locked_for_long_is_waited_for_once_and_its_campaign_named(
    engine: Engine, sweep: Sweep, caplog: pytest.LogCaptureFixture
) -> None:
    first, held, last = (make_campaign(engine) for _ in range(3))
    for campaign in (first, held, last):
        with_a_closed_window(engine, campaign)
    before = state_of(engine, held)
    with engine.connect() as other:
        other.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        other.execute(text("SELECT FROM chunk WHERE campaign_id = :id FOR UPDATE"), {"id": held})
        sweep.run()
        sweep.run()
        assert state_of(engine, held) == before
        assert state_of(engine, first) == state_of(engine, last) != before
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith(f"campaign {held} cannot give up what can no longer be asked about: ")
    assert "lock timeout" in told


@each_duty
def test_what_the_database_refuses_is_told_by_name_once_and_everything_else_is_done(
    engine: Engine,
    sweep: Sweep,
    due: Callable[[Engine, UUID], None],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.sweep._LONGEST_REST", 0.0)
    first, bad, last = (make_campaign(engine) for _ in range(3))
    for campaign in (first, bad, last):
        due(engine, campaign)
    before = state_of(engine, bad)
    of_chunks = due in (with_a_lost_lease, unclaimed, with_a_closed_window, ended_long_ago)
    table, key = ("chunk", "campaign_id") if of_chunks else ("campaign", "id")
    refuse(engine, table, f"OLD.{key} = '{bad}'")
    with caplog.at_level(logging.INFO, "dispatcher.relay"):
        sweep.run()
        sweep.run()
        assert state_of(engine, bad) == before
        assert state_of(engine, first) == state_of(engine, last) != before
        (told,) = [
            record.getMessage() for record in caplog.records if "cannot" in record.getMessage()
        ]
        assert f"campaign {bad} cannot " in told
        assert "this row is refused" in told
        mend(engine, table)
        sweep.run()
    assert f"campaign {bad} can " in caplog.text
    assert state_of(engine, bad) == state_of(engine, first)


def test_what_cannot_be_done_is_tried_again_less_and_less_often(
    engine: Engine, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = make_campaign(engine)
    delivered(engine, bad)
    refuse(engine, "campaign", "true")
    sweep.run()
    mend(engine, "campaign")
    sweep.run()
    assert show(engine, bad).state == "running"

    def swept_again() -> bool:
        sweep.run()
        return show(engine, bad).state == "completed"

    eventually(swept_again)


def test_a_row_that_is_locked_for_long_is_named(
    engine: Engine,
    sweep: Sweep,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.sweep._LONG_LOCKED", 0.0)
    campaign = make_campaign(engine)
    delivered(engine, campaign)
    with locked(engine, campaign):
        for _ in range(3):
            sweep.run()
    sweep.run()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert f"campaign {campaign} cannot be summed up: another session has locked" in told[0]
    assert told[1] == f"campaign {campaign} can be summed up again"


def test_a_dead_workers_row_that_somebody_has_locked_holds_up_nothing(
    engine: Engine, sweep: Sweep
) -> None:
    campaign = make_campaign(engine)
    delivered(engine, campaign)
    for name in ("dead", "dead too"):
        rows(
            engine,
            "INSERT INTO worker (name, slots, seen_at) VALUES (:name, 8, now() - interval '2 h')",
            name=name,
        )
    with engine.connect() as other:
        other.execute(text("SELECT FROM worker WHERE name = 'dead' FOR UPDATE"))
        sweep.run()
    assert show(engine, campaign).state == "completed"
    assert [row.name for row in rows(engine, "SELECT name FROM worker")] == ["dead"]


def test_a_database_that_is_away_ends_the_sweep_and_names_no_campaign(
    engine: Engine, sweep: Sweep, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        delivered(engine, make_campaign(engine))
    ended = []

    def end_the_session(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "sum_up_campaigns" in statement:
            ended.append(statement)
            pid = connection.connection.driver_connection.info.backend_pid
            rows(engine, f"SELECT pg_terminate_backend({pid}, 5000)")

    event.listen(engine, "before_cursor_execute", end_the_session)
    try:
        with pytest.raises(Exception, match=r"terminating connection|cannot be used"):
            sweep.run()
    finally:
        event.remove(engine, "before_cursor_execute", end_the_session)
    assert len(ended) == 1
    assert not caplog.records
    sweep.run()
    assert {row.state for row in rows(engine, "SELECT state FROM campaign")} == {"completed"}


def test_a_day_of_small_campaigns_is_forgotten_many_at_a_time_and_within_their_time(
    engine: Engine, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [make_campaign(engine, chunks=3) for _ in range(40)]
    for campaign in every:
        ended_long_ago(engine, campaign)
    monkeypatch.setitem(_SECONDS, Duty.PURGE, 30.0)
    sweep.run()
    assert not rows(engine, "SELECT FROM chunk WHERE members IS NOT NULL")
    monkeypatch.setitem(_SECONDS, Duty.PURGE, 0.0)
    ended_long_ago(engine, make_campaign(engine))
    sweep.run()
    assert len(rows(engine, "SELECT FROM chunk WHERE members IS NOT NULL")) == 1


def test_a_campaign_that_cannot_be_marked_holds_up_no_other(
    engine: Engine, redis: Redis, broker_url: str
) -> None:
    bad, locked_one, good = (make_campaign(engine, published=False) for _ in range(3))
    refuse(engine, "chunk", f"OLD.campaign_id = '{bad}'")
    with transaction(engine) as connection:
        fleet.seen(connection, "w/1", 8)
    app = Celery("test", set_as_current=False)
    app.conf.update(broker_settings(broker_url))
    with locked(engine, locked_one):
        plan = top_up(engine, Bell(app), None, RateLimit(None))
    app.close()
    assert {batch.campaign_id for batch in plan.batches} == {good}
    assert list(plan.failed) == [bad]
    assert [arguments for _, arguments in messages(redis)] == [[str(good), [1]]]
