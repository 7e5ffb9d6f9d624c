"""A slot that goes on by the wire's thread: as by its own, whatever comes instead of a reply."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from sqlalchemy import Engine, event

from tests.waiting import eventually
from tests.workers.books import chunk, make_campaign, rows
from tests.workers.scripted_server import Peer, Script, ScriptedServer, http, replying
from tests.workers.scripts import https, over_tls
from tests.workers.sending import refusal, result
from workers.courier import Courier
from workers.deliver import deliver_all

Couriers = Callable[..., Courier]
Serve = Callable[[Script], ScriptedServer]

BODY = result(audience=1, successful=1, erroneous=0)
ACCEPTED = http(BODY)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
    len(BODY),
    BODY,
)
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\n\r\n"
SHORT, LONG = 1.5, 20.0
SMALL_BUFFER = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)]
LONG_MESSAGE = json.dumps({"ios": {"payload": {"text": "x" * 300_000}}})


class Asked:
    """Says whether a slot may go on, and notes whose thread asks; false from the `most`th on."""

    def __init__(self, most: int = 1000) -> None:
        self.by: list[str] = []
        self._most = most

    def __call__(self) -> bool:
        self.by.append(threading.current_thread().name)
        return len(self.by) < self._most


def outcomes(engine: Engine, campaign: UUID) -> list[str]:
    """What each attempt came to, by the number of its chunk."""
    query = "SELECT outcome FROM attempt WHERE campaign_id = :id ORDER BY sequence, attempt"
    return [row.outcome for row in rows(engine, query, id=campaign)]


def states(engine: Engine, campaign: UUID) -> list[str]:
    query = "SELECT state FROM chunk WHERE campaign_id = :id ORDER BY sequence"
    return [row.state for row in rows(engine, query, id=campaign)]


@contextmanager
def before_each_exchange(engine: Engine, act: Callable[[], object]) -> Iterator[None]:
    """Have this done right before the group commit asks the database."""

    def before(_c: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if "exchange_chunks" in sql:
            act()

    event.listen(engine, "before_cursor_execute", before)
    yield
    event.remove(engine, "before_cursor_execute", before)


def always(peer: Peer) -> None:
    while True:
        peer.read_request()
        peer.send(ACCEPTED)


def test_the_wires_thread_goes_on_with_a_campaign_to_its_end(
    courier: Couriers, serve: Serve, engine: Engine
) -> None:
    server, asked = serve(always), Asked()
    campaign = make_campaign(engine, 9, published=False)
    deliver_all(courier(server.url, nobody_waits=asked), campaign, [1])
    assert states(engine, campaign) == ["delivered"] * 9
    assert asked.by == ["wire"] * 9
    bodies = [json.loads(part.partition(b"\r\n\r\n")[2]) for part in _requests(server)]
    assert len({body["pack_id"] for body in bodies}) == 9
    assert len(server.peers) == 1


def _requests(server: ScriptedServer) -> list[bytes]:
    return server.received.split(b"POST ")[1:]


def _in_pieces(peer: Peer) -> None:
    peer.send(ACCEPTED[:-5])
    peer.over.wait(0.1)
    peer.send(ACCEPTED[-5:])


def _hang_in_headers(peer: Peer) -> None:
    peer.send(ACCEPTED[:20])
    peer.hang()


def _saying(reply: bytes) -> Script:
    return lambda peer: peer.send(reply)


@pytest.mark.parametrize(
    ("then", "outcome"),
    [
        (_in_pieces, "accepted"),
        (_saying(EARLY_HINTS + ACCEPTED), "accepted"),
        (_saying(ACCEPTED.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)), "accepted"),
        (_saying(CHUNKED), "accepted"),
        (_saying(http(refusal(33), "400 Bad Request")), "nobody_reached"),
        (_saying(http(b"", "429 Too Many Requests", "Retry-After: 7")), "throttled"),
        (_saying(http(b"{}")), "in_doubt"),
        (_saying(http(b"", "500 Internal Server Error")), "in_doubt"),
        (lambda peer: peer.sock.shutdown(socket.SHUT_RDWR), "in_doubt"),
        (Peer.reset, "in_doubt"),
        (_saying(ACCEPTED[:-5]), "in_doubt"),
        (Peer.hang, "in_doubt"),
        (_hang_in_headers, "in_doubt"),
        (lambda peer: peer.drip(ACCEPTED), "in_doubt"),
    ],
)
def test_whatever_comes_on_the_wire_comes_to_what_it_always_does(
    courier: Couriers, serve: Serve, engine: Engine, then: Script, outcome: str
) -> None:
    def script(peer: Peer) -> None:
        """The third request of all meets it."""
        while True:
            peer.read_request()
            count.append(1)
            if len(count) != 3:
                peer.send(ACCEPTED)
                continue
            then(peer)
            if outcome == "in_doubt":
                return

    count: list[int] = []
    asked = Asked()
    campaign = make_campaign(engine, 5, published=False)
    timeout = SHORT if outcome == "in_doubt" else LONG
    deliver_all(courier(serve(script).url, timeout=timeout, nobody_waits=asked), campaign, [1])
    assert "wire" in asked.by
    found = outcomes(engine, campaign)
    assert found[:3] == ["accepted", "accepted", outcome]
    if outcome in ("accepted", "nobody_reached"):
        assert found[3:] == ["accepted", "accepted"]
    else:
        assert found[3:] == []
        assert chunk(engine, campaign, 4).state == "pending"
    assert (chunk(engine, campaign, 3).in_doubt_since is not None) is (outcome == "in_doubt")


@pytest.mark.parametrize("secure", [False, True])
def test_a_request_larger_than_what_the_wire_takes_at_once_arrives_whole(
    courier: Couriers, serve: Serve, engine: Engine, trusted: ssl.SSLContext, secure: bool
) -> None:
    def slowly(peer: Peer) -> None:
        while True:
            peer.over.wait(0.1)
            bodies.append(peer.read_request()[1])
            peer.send(ACCEPTED)

    bodies: list[bytes] = []
    server, asked = serve(over_tls(trusted, slowly) if secure else slowly), Asked()
    ours = courier(https(server) if secure else server.url, timeout=30, nobody_waits=asked)
    ours.push_api.pool.conn_kw["socket_options"] = SMALL_BUFFER
    campaign = make_campaign(engine, 4, published=False, message=LONG_MESSAGE)
    deliver_all(ours, campaign, [1])
    assert states(engine, campaign) == ["delivered"] * 4
    assert asked.by[-1] == "wire"
    assert [json.loads(body)["ios"] == json.loads(LONG_MESSAGE)["ios"] for body in bodies] == [
        True
    ] * 4
    assert len(server.peers) == 1


def test_what_the_peer_does_not_read_is_cut_off_at_the_deadline(
    courier: Couriers, serve: Serve, engine: Engine
) -> None:
    def deaf_at_the_third(peer: Peer) -> None:
        for _ in range(2):
            peer.read_request()
            peer.send(ACCEPTED)
        peer.hang()

    ours = courier(serve(deaf_at_the_third).url, timeout=2, nobody_waits=Asked())
    ours.push_api.pool.conn_kw["socket_options"] = SMALL_BUFFER
    campaign = make_campaign(engine, 3, published=False, message=LONG_MESSAGE)
    deliver_all(ours, campaign, [1])
    row = chunk(engine, campaign, 3)
    assert (row.state, row.error) == ("pending", "No complete reply within 2 s")
    assert row.in_doubt_since is not None


def test_a_connection_that_the_server_has_closed_meanwhile_is_not_used(
    courier: Couriers, serve: Serve, engine: Engine
) -> None:
    def wait() -> None:
        if len(server.peers) == 1 and server.peers[0].received:
            eventually(lambda: server.received.count(b"POST ") < 3 or _is_closed(server))

    server = serve(replying(ACCEPTED, ACCEPTED, ACCEPTED))
    campaign = make_campaign(engine, 7, published=False)
    with before_each_exchange(engine, wait):
        deliver_all(courier(server.url, nobody_waits=Asked()), campaign, [1])
    assert outcomes(engine, campaign) == ["accepted"] * 7
    assert len(server.peers) == 3


@pytest.mark.parametrize(
    "end",
    [lambda peer: peer.sock.close(), Peer.reset, _saying(http(b"", "408 Request Timeout"))],
    ids=["closed", "reset", "spoken to"],
)
def test_a_connection_that_ends_before_its_first_request_is_not_used(
    courier: Couriers, serve: Serve, engine: Engine, end: Script
) -> None:
    def script(peer: Peer) -> None:
        if peer is server.peers[0]:
            end(peer)
            has_ended.set()
        always(peer)

    has_ended = threading.Event()
    server = serve(script)
    campaign = make_campaign(engine, 3, published=False)
    with before_each_exchange(engine, lambda: has_ended.wait(20)):
        deliver_all(courier(server.url, nobody_waits=Asked()), campaign, [1])
    assert outcomes(engine, campaign) == ["accepted"] * 3
    assert len(server.peers) == 2


def test_a_connection_that_opens_too_slowly_costs_nobody_a_claims_time(
    courier: Couriers, serve: Serve, engine: Engine
) -> None:
    server = serve(Peer.hang)  # it never answers a handshake
    campaign = make_campaign(engine, 1)
    deliver_all(courier(https(server), timeout=SHORT), campaign, [1])
    assert outcomes(engine, campaign) == ["not_sent"]
    row = rows(engine, "SELECT ended_at - started_at AS took FROM attempt")[0]
    assert row.took.total_seconds() < SHORT + 0.9


def test_what_was_accepted_is_recorded_before_another_connection_is_opened(
    courier: Couriers, serve: Serve, engine: Engine, trusted: ssl.SSLContext
) -> None:
    def script(peer: Peer) -> None:
        if peer is not server.peers[0]:
            recorded.append(states(engine, campaign)[0])
            return
        over_tls(trusted, replying(closing))(peer)

    recorded: list[str] = []
    closing = ACCEPTED.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    server = serve(script)
    campaign = make_campaign(engine, 2, published=False)
    deliver_all(courier(https(server), timeout=SHORT, nobody_waits=Asked()), campaign, [1])
    assert recorded == ["delivered"]


def test_a_worker_that_is_told_to_stop_while_a_connection_opens_begins_nothing(
    courier: Couriers, serve: Serve, engine: Engine, trusted: ssl.SSLContext
) -> None:
    def script(peer: Peer) -> None:
        stopped.set()
        over_tls(trusted, always)(peer)

    stopped = threading.Event()
    campaign = make_campaign(engine, 2)
    deliver_all(courier(https(serve(script)), closing=stopped.is_set), campaign, [1])
    assert states(engine, campaign) == ["pending"] * 2
    assert outcomes(engine, campaign) == []


def test_after_a_connection_that_opened_too_slowly_none_is_opened_ahead_for_a_while(
    courier: Couriers, serve: Serve, engine: Engine
) -> None:
    server = serve(Peer.hang)
    ours = courier(https(server), timeout=SHORT)
    assert ours.push_api.take_open(opens=True) is None
    campaign = make_campaign(engine, 1)
    deliver_all(ours, campaign, [1])
    assert outcomes(engine, campaign) == ["not_sent"]
    assert len(server.peers) == 2


def test_a_connection_that_was_cut_while_it_opened_is_not_taken_for_open(
    courier: Couriers, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close_in_turn(peer: Peer) -> None:
        assert not peer.sock.recv(1)  # nothing comes, and it is cut
        peer.sock.close()
        is_closed.set()

    def slowly(context: ssl.SSLContext, sock: socket.socket, **named: Any) -> ssl.SSLSocket:
        assert is_closed.wait(20)
        return wrap(context, sock, **named)  # which passes over what is not connected

    is_closed = threading.Event()
    ours = courier(https(serve(close_in_turn)), timeout=0.2)
    wrap = ssl.SSLContext.wrap_socket
    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", slowly)
    assert ours.push_api.take_open(opens=True) is None


def _is_closed(server: ScriptedServer) -> bool:
    return server.peers[0].sock.fileno() == -1


@pytest.mark.parametrize(("most", "sent"), [(2, 2), (4, 4)])
def test_a_slot_that_is_called_away_lands_when_its_request_has_ended(
    courier: Couriers, serve: Serve, engine: Engine, most: int, sent: int
) -> None:
    campaign = make_campaign(engine, 6, published=False)
    deliver_all(courier(serve(always).url, nobody_waits=Asked(most)), campaign, [1])
    assert states(engine, campaign) == ["delivered"] * sent + ["pending"] * (6 - sent)


def test_a_worker_that_is_told_to_stop_begins_nothing_more(
    courier: Couriers, serve: Serve, engine: Engine
) -> None:
    server = serve(always)
    ours = courier(
        server.url,
        nobody_waits=Asked(),
        closing=lambda: server.received.count(b"POST ") >= 3,
    )
    campaign = make_campaign(engine, 6, published=False)
    deliver_all(ours, campaign, [1])
    assert states(engine, campaign) == ["delivered"] * 3 + ["pending"] * 3


def test_nothing_is_sent_on_a_claim_whose_commits_reply_is_lost(
    courier: Couriers, serve: Serve, engine: Engine
) -> None:
    def lose_the_reply(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if "exchange_chunks" in sql and server.received.count(b"POST ") == 3:
            raise psycopg2.OperationalError("server closed the connection unexpectedly")

    server, asked = serve(always), Asked()
    campaign = make_campaign(engine, 6, published=False)
    event.listen(engine, "after_cursor_execute", lose_the_reply)
    deliver_all(courier(server.url, nobody_waits=asked), campaign, [1])
    event.remove(engine, "after_cursor_execute", lose_the_reply)
    assert "wire" in asked.by
    assert states(engine, campaign) == ["delivered"] * 3 + ["sending", "pending", "pending"]
    assert server.received.count(b"POST ") == 3


def test_what_fails_on_the_wire_fails_in_its_slot(
    courier: Couriers, serve: Serve, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> bool:
        if threading.current_thread().name == "wire":
            raise ValueError("what nobody foresaw")
        return True

    campaign = make_campaign(engine, 6, published=False)
    ours = courier(serve(always).url, nobody_waits=fail)
    with pytest.raises(ValueError, match="foresaw"):
        deliver_all(ours, campaign, [1])
    deliver_all(courier(serve(always).url, nobody_waits=Asked()), campaign, [5])
    assert states(engine, campaign)[2:] == ["delivered"] * 4
