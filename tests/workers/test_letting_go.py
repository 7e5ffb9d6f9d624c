"""Members who are let go of when their request has left: what is told of a reply stays the same."""

import json
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine, event

from tests.workers.books import make_campaign, rows
from tests.workers.scripted_server import Peer, Script, ScriptedServer, http
from tests.workers.sending import refusal, result
from workers.courier import Courier
from workers.deliver import deliver_all

Couriers = Callable[..., Courier]
Serve = Callable[[Script], ScriptedServer]

ACCEPTED = http(result(audience=1, successful=1, erroneous=0))
NAMED = http(
    result(
        audience=1,
        successful=0,
        erroneous=1,
        error_details=[{"token": "device-1", "error": "device-1 is gone"}],
    )
)
QUOTED = http(refusal(30, "Field audience[0].token. Received value: device-1"), "400 Bad Request")
REFUSED = http(refusal(28, "Invalid: device-1"), "400 Bad Request")
_READS_MEMBERS = "SELECT members FROM chunk"


def _told(engine: Engine, campaign: object) -> list[Any]:
    query = """
    SELECT attempt.outcome, attempt.http_status, attempt.code, attempt.error, attempt.chunk_state,
           attempt.error_details, chunk.size, chunk.state
    FROM attempt JOIN chunk USING (campaign_id, sequence)
    WHERE campaign_id = :id ORDER BY sequence, attempt.attempt
    """
    return [tuple(row) for row in rows(engine, query, id=campaign)]


def _at(place: int, reply: bytes) -> Script:
    """Accepts all but the request of this place, which gets the reply with its own member in it."""

    def script(peer: Peer) -> None:
        for number in range(1, 100):
            body = json.loads(peer.read_request()[1])
            token = body["audience"][0]["token"].encode()
            said = reply.replace(b"device-1", token) if number == place else ACCEPTED
            peer.send(said)

    return script


@pytest.mark.parametrize("place", [1, 3])
@pytest.mark.parametrize("reply", [NAMED, QUOTED, REFUSED, http(b"{}"), ACCEPTED])
def test_what_is_told_of_a_reply_is_the_same_without_the_members(
    courier: Couriers, serve: Serve, engine: Engine, reply: bytes, place: int
) -> None:
    """By the slot's own thread, which sends the first, and by the wire's."""
    told = []
    for longest_kept in (0, 1_000_000):
        campaign = make_campaign(engine, 4, published=False)
        ours = courier(
            serve(_at(place, reply)).url, nobody_waits=lambda: True, longest_kept=longest_kept
        )
        deliver_all(ours, campaign, [1])
        told.append(_told(engine, campaign))
        rows(engine, "UPDATE account SET doubts = 0, doubtful_since = NULL")
    assert told[0] == told[1]
    assert len(told[0]) >= place
    assert f"device-{place}" not in str(told[0])


@pytest.mark.parametrize("place", [1, 3])
def test_a_reply_that_names_somebody_waits_for_books_that_are_away(
    courier: Couriers, serve: Serve, engine: Engine, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    tries = 0

    def away(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        nonlocal tries
        if _READS_MEMBERS in sql:
            tries += 1
            if tries < 3:
                raise psycopg2.OperationalError("server closed the connection unexpectedly")

    campaign = make_campaign(engine, 4, published=False)
    ours = courier(serve(_at(place, NAMED)).url, nobody_waits=lambda: True, longest_kept=0)
    event.listen(engine, "before_cursor_execute", away)
    deliver_all(ours, campaign, [1])
    event.remove(engine, "before_cursor_execute", away)
    told = _told(engine, campaign)
    assert [row[0] for row in told] == ["accepted"] * 4
    assert json.loads(told[place - 1][5])[0][0] == 0
    assert [r.message for r in caplog.records if "cannot be looked at yet" in r.message] != []
    assert tries == 3


def test_a_reply_is_recorded_though_the_books_are_away_for_longer_than_its_words_are_worth(
    courier: Couriers, serve: Serve, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if _READS_MEMBERS in sql:
            raise psycopg2.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("workers.courier._LOOKS_FOR", 0.2)
    campaign = make_campaign(engine, 4, published=False)
    ours = courier(serve(_at(3, NAMED)).url, nobody_waits=lambda: True, longest_kept=0)
    event.listen(engine, "before_cursor_execute", away)
    deliver_all(ours, campaign, [1])
    event.remove(engine, "before_cursor_execute", away)
    told = _told(engine, campaign)
    assert [row[0] for row in told] == ["accepted"] * 4
    assert [row[5] for row in told] == ["[]"] * 4


@pytest.mark.parametrize("state", ["unresolved", "uncounted", "rejected", "pending", "cancelled"])
@pytest.mark.parametrize("reply", [NAMED, QUOTED, REFUSED, ACCEPTED])
def test_what_comes_late_is_worth_what_it_always_is(
    courier: Couriers,
    serve: Serve,
    engine: Engine,
    caplog: pytest.LogCaptureFixture,
    state: str,
    reply: bytes,
) -> None:
    """An acceptance is true however late it comes; of its words nothing may be known by then."""

    def late(peer: Peer) -> None:
        peer.read_request()
        rows(
            engine,
            "UPDATE chunk SET state = :state, lease_until = NULL, in_doubt_since ="
            " CASE WHEN :state NOT IN ('rejected', 'cancelled') THEN claimed_at END, settled_at ="
            " CASE WHEN :state <> 'pending' THEN clock_timestamp() END WHERE campaign_id = :id",
            id=campaign,
            state=state,
        )
        peer.send(reply)

    told = []
    for longest_kept in (0, 1_000_000):
        campaign = make_campaign(engine)
        deliver_all(courier(serve(late).url, longest_kept=longest_kept), campaign, [1])
        query = """
        SELECT state, successful, erroneous, code, (SELECT count(*) FROM attempt) AS attempts
        FROM chunk WHERE campaign_id = :id
        """
        told.append(tuple(rows(engine, query, id=campaign)[0]))
        rows(engine, "UPDATE account SET doubts = 0, doubtful_since = NULL")
        rows(engine, "DELETE FROM campaign")
    assert told[0] == told[1]
    assert "device-1" not in caplog.text
