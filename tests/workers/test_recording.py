"""Recording an outcome while the database is away, busy, or has given the chunk to another."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine, event

from dispatcher.books import transitions
from dispatcher.books.session import make_engine, transaction
from tests.proxy import Proxy, proxied
from tests.waiting import eventually
from tests.workers.books import chunk, make_campaign, rows
from tests.workers.scripted_server import Peer, Script, ScriptedServer, http, replying
from tests.workers.sending import refusal, result
from workers.courier import Courier
from workers.deliver import deliver_all

Couriers = Callable[..., Courier]
Serve = Callable[[Script], ScriptedServer]

ACCEPTED = http(result(audience=1, successful=1, erroneous=0))


@pytest.fixture
def road(database_url: str) -> Iterator[Proxy]:
    """The worker's way to the database."""
    with proxied(database_url) as road:
        yield road


@pytest.fixture
def far_engine(road: Proxy) -> Iterator[Engine]:
    """The worker's engine, over that way."""
    engine = make_engine(road.url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("reply", "state"),
    [(ACCEPTED, "delivered"), (http(refusal(33), "400 Bad Request"), "rejected")],
)
def test_an_outcome_waits_for_a_database_that_is_away(
    courier: Couriers,
    serve: Serve,
    engine: Engine,
    far_engine: Engine,
    road: Proxy,
    caplog: pytest.LogCaptureFixture,
    reply: bytes,
    state: str,
) -> None:
    def lose_the_database(peer: Peer) -> None:
        peer.read_request()
        road.turn_away()
        peer.send(reply)

    campaign = make_campaign(engine)
    ours = courier(serve(lose_the_database).url, database=far_engine)
    worker = threading.Thread(target=deliver_all, args=(ours, campaign, [1]))
    worker.start()
    eventually(lambda: "cannot be recorded yet" in caplog.text)
    assert chunk(engine, campaign).state == "sending"
    road.let_in()
    eventually(lambda: chunk(engine, campaign).state == state)
    worker.join()
    assert caplog.text.count("cannot be recorded yet") == 1


@pytest.mark.parametrize("moment", ["before_cursor_execute", "after_cursor_execute"])
def test_an_outcome_outlives_the_session_that_was_to_record_it(
    courier: Couriers,
    serve: Serve,
    engine: Engine,
    database_url: str,
    moment: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    campaign = make_campaign(engine)
    own = make_engine(database_url)
    lost: list[str] = []

    def lose_the_session(_connection: Any, _cursor: Any, _statement: str, *given: Any) -> None:
        if given[0].get("reports", "[]") != "[]" and not lost:
            lost.append(moment)
            raise psycopg2.OperationalError("server closed the connection unexpectedly")

    event.listen(own, moment, lose_the_session)
    server = serve(replying(ACCEPTED))
    deliver_all(courier(server.url, database=own), campaign, [1])
    own.dispose()
    assert lost
    assert chunk(engine, campaign).state == "delivered"
    assert len(rows(engine, "SELECT FROM attempt")) == 1
    assert "too late" not in caplog.text


def test_an_accepted_reply_counts_though_the_lease_was_lost(
    courier: Couriers, serve: Serve, engine: Engine
) -> None:
    campaign = make_campaign(engine)

    def lose_the_lease(peer: Peer) -> None:
        peer.read_request()
        rows(engine, "UPDATE chunk SET lease_until = clock_timestamp()")
        with transaction(engine) as connection:
            assert transitions.take_back_lost_leases(connection) == 1
        peer.send(ACCEPTED)

    deliver_all(courier(serve(lose_the_lease).url), campaign, [1])
    row = chunk(engine, campaign)
    assert (row.state, row.audience) == ("delivered", 1)


def test_any_other_reply_after_a_lost_lease_changes_nothing(
    courier: Couriers, serve: Serve, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    campaign = make_campaign(engine)

    def lose_the_lease(peer: Peer) -> None:
        peer.read_request()
        rows(engine, "UPDATE chunk SET lease_until = clock_timestamp()")
        with transaction(engine) as connection:
            transitions.take_back_lost_leases(connection)
        peer.send(http(refusal(33), "400 Bad Request"))

    deliver_all(courier(serve(lose_the_lease).url), campaign, [1])
    assert chunk(engine, campaign).state == "pending"
    assert "too late" in caplog.text


def test_an_outcome_is_recorded_whatever_goes_wrong_with_the_next_claim(
    courier: Couriers, serve: Serve, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(engine, chunks=2)
    real = transitions.exchange

    def fail(connection: Any, reports: Any, *arguments: Any, **named: Any) -> Any:
        if reports:
            raise OSError(24, "Too many open files")
        return real(connection, reports, *arguments, **named)

    monkeypatch.setattr(transitions, "exchange", fail)
    with pytest.raises(OSError, match="Too many open files"):
        deliver_all(courier(serve(replying(ACCEPTED)).url), campaign, [1, 2])
    assert chunk(engine, campaign, 1).state == "delivered"
    assert chunk(engine, campaign, 2).published_at is None
