"""PostgreSQL dies, is full or is away; what was accepted is recorded, and nothing is sent twice."""

from contextlib import ExitStack
from typing import NoReturn

import psycopg2
import pytest

from dispatcher.checkup import examine
from dispatcher.errors import DatabaseUnavailable
from tests.faults import moments
from tests.faults.conftest import Stage
from tests.faults.theatre import TERMINATE_BACKENDS, Theatre, for_seconds
from tests.waiting import eventually


def test_a_campaign_outlives_a_restart_terminated_backends_and_exhausted_connections(
    stage: Stage,
) -> None:
    theatre = stage(None, "--latency", "0.2")
    theatre.hire(2)
    campaign = theatre.enqueue(120)

    eventually(lambda: theatre.requests() > 10, within=20)
    theatre.servers.postgresql.restart()
    eventually(lambda: theatre.requests() > 40, within=40)
    theatre.execute(TERMINATE_BACKENDS)
    eventually(lambda: theatre.requests() > 70, within=40)
    with ExitStack() as connections:
        _take_all_connections(theatre, connections)
        for_seconds(2)

    verdict = theatre.ended(campaign, within=90)
    assert not verdict.broken
    assert verdict.reached == 120_000
    theatre.assert_all_workers_go_on()


def test_an_accepted_reply_is_recorded_though_postgresql_is_away_for_longer_than_the_lease(
    stage: Stage,
) -> None:
    theatre = stage()
    theatre.hire(2)
    before_the_record = moments.replied(theatre.database)
    campaign = theatre.enqueue(1)
    theatre.held_by(before_the_record)

    theatre.database.close_door()
    for_seconds(theatre.lease + 1)
    theatre.database.open_door()

    eventually(lambda: theatre.books(campaign).members.delivered == 1000, within=30)
    assert not theatre.verdict(campaign).broken
    assert theatre.books(campaign).result.successful == 1000
    theatre.assert_all_workers_go_on()


def test_a_lost_reply_to_a_commit_sends_nothing_and_records_once(stage: Stage) -> None:
    theatre = stage()
    theatre.hire(2)

    of_the_claim = moments.claimed(theatre.database)
    first = theatre.enqueue(1)
    theatre.held_by(of_the_claim)
    of_the_claim.cut()

    of_the_record = moments.recorded(theatre.database)
    second = theatre.enqueue(1)
    theatre.held_by(of_the_record)
    of_the_record.cut()
    eventually(lambda: theatre.books(second).ended, within=20)
    assert theatre.requests() == 1

    verdict = theatre.ended(first, second, within=60)
    assert not verdict.broken
    assert verdict.members.delivered == 2000
    assert theatre.requests() == 2
    theatre.assert_all_workers_go_on()


def test_everything_goes_on_after_a_failover_showed_a_server_that_only_reads(
    stage: Stage,
) -> None:
    theatre = stage(None, "--latency", "0.1")
    theatre.hire(2)
    campaign = theatre.enqueue(200)
    eventually(lambda: theatre.requests() > 10, within=20)

    name = theatre.engine.url.database
    theatre.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    theatre.execute(TERMINATE_BACKENDS)
    theatre.engine.dispose()
    with pytest.raises(DatabaseUnavailable, match="only reads"):
        theatre.enqueue(1)
    with pytest.raises(DatabaseUnavailable, match="only reads"):
        theatre.dispatcher.pause(campaign)
    assert [check.words for check in examine(theatre.settings) if "only reads" in check.words]
    for_seconds(3)
    # The sessions of these seconds would never write: nobody ends them but those who have them.
    theatre.execute(f"SET TRANSACTION READ WRITE; ALTER DATABASE {name} RESET ALL")

    second = theatre.enqueue(10)
    verdict = theatre.ended(campaign, second, within=60)
    assert not verdict.broken
    assert verdict.reached == 210_000
    theatre.assert_all_workers_go_on()


def _take_all_connections(theatre: Theatre, connections: ExitStack) -> None:
    """Leave the server without a free connection, and the workers without those they had."""
    url = theatre.servers.postgresql.url.replace("+psycopg2", "")
    theatre.execute(TERMINATE_BACKENDS)
    theatre.database.cut()
    with pytest.raises(psycopg2.OperationalError, match="too many clients"):
        _connect_for_ever(url, connections)


def _connect_for_ever(url: str, connections: ExitStack) -> NoReturn:
    while True:
        connections.callback(psycopg2.connect(url).close)
