"""Whether a request may have reached the vendor: decided by what left this machine, and by time."""

import socket
import threading
import time
from collections.abc import Callable

import pytest

from dispatcher.lifecycle import Accepted, InDoubt, NotSent, Throttled
from tests.waiting import eventually
from tests.workers.scripted_server import Peer, Script, ScriptedServer, http, replying
from tests.workers.sending import attempt, refusal, result
from workers.connection import Attempt
from workers.envelope import Envelope
from workers.push_api import PushApi
from workers.watchdog import Handle, Watchdog, clock

Serve = Callable[[Script], ScriptedServer]
Client = Callable[..., PushApi]

ACCEPTED = http(result())
SHORT = 0.3
"""Seconds for a request that is to reach its deadline."""


def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def close_unread(peer: Peer) -> None:
    peer.sock.recv(1, socket.MSG_PEEK)


def reset_after_head(peer: Peer) -> None:
    peer.read_head()
    peer.reset()


def reset_after_body(peer: Peer) -> None:
    peer.read_request()
    peer.reset()


def close_after_body(peer: Peer) -> None:
    peer.read_request()


def hang_unread(peer: Peer) -> None:
    peer.hang()


def hang_after_body(peer: Peer) -> None:
    peer.read_request()
    peer.hang()


def hang_in_headers(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    peer.hang()


def hang_in_body(peer: Peer) -> None:
    peer.read_request()
    peer.send(ACCEPTED[:-10])
    peer.hang()


def drip_headers(peer: Peer) -> None:
    peer.read_request()
    peer.drip(ACCEPTED)


def drip_body(peer: Peer) -> None:
    peer.read_request()
    head, _, body = ACCEPTED.partition(b"\r\n\r\n")
    peer.send(head + b"\r\n\r\n")
    peer.drip(body)


def cut_headers(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Le")


def cut_body(peer: Peer) -> None:
    peer.read_request()
    peer.send(ACCEPTED[:-10])


def cut_chunked_body(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" + result())


def speak_no_http(peer: Peer) -> None:
    peer.read_request()
    peer.send(b"220 mail.example ESMTP\r\n")


def test_a_refused_connection_sent_nothing(push_api: Client, envelope: Envelope) -> None:
    outcome = attempt(push_api(f"http://127.0.0.1:{unused_port()}/"), envelope)
    assert isinstance(outcome, NotSent)
    assert outcome.reason.message == "Connection refused"


@pytest.mark.parametrize(
    "script",
    [
        close_unread,
        reset_after_head,
        reset_after_body,
        close_after_body,
        cut_headers,
        cut_body,
        cut_chunked_body,
        speak_no_http,
    ],
)
def test_a_connection_lost_after_the_first_byte_is_in_doubt(
    serve: Serve, push_api: Client, envelope: Envelope, script: Script
) -> None:
    outcome = attempt(push_api(serve(script).url), envelope)
    assert isinstance(outcome, InDoubt)
    assert outcome.reason.message


@pytest.mark.parametrize(
    "script",
    [hang_unread, hang_after_body, hang_in_headers, hang_in_body, drip_headers, drip_body],
)
def test_a_request_without_a_complete_reply_ends_in_doubt_at_its_deadline(
    serve: Serve, push_api: Client, envelope: Envelope, script: Script
) -> None:
    client = push_api(serve(script).url, timeout=SHORT)
    began = time.monotonic()
    outcome = attempt(client, envelope)
    assert SHORT <= time.monotonic() - began < SHORT + 0.5
    assert isinstance(outcome, InDoubt)
    assert outcome.reason.message == "No complete reply within 0.3 s"


def test_a_worker_whose_right_to_send_has_ended_sends_not_a_byte(
    serve: Serve, push_api: Client, envelope: Envelope
) -> None:
    server = serve(replying(ACCEPTED, ACCEPTED))
    client = push_api(server.url)
    assert isinstance(attempt(client, envelope, send_before=-0.1), NotSent)
    assert server.received == b""


def test_the_right_to_send_is_checked_on_a_kept_connection_too(
    serve: Serve, push_api: Client, envelope: Envelope
) -> None:
    server = serve(replying(ACCEPTED, ACCEPTED))
    client = push_api(server.url)
    assert isinstance(attempt(client, envelope), Accepted)
    assert isinstance(attempt(client, envelope, send_before=-0.1), NotSent)
    assert server.received.count(b"POST ") == 1


EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    "interim", [EARLY_HINTS, PROCESSING, CONTINUE, CONTINUE + EARLY_HINTS * 3 + PROCESSING]
)
def test_replies_that_announce_the_final_one_are_read_over(
    serve: Serve, push_api: Client, envelope: Envelope, interim: bytes
) -> None:
    server = serve(replying(interim + ACCEPTED, interim + http(refusal(33), "400 Bad Request")))
    client = push_api(server.url)

    assert isinstance(attempt(client, envelope), Accepted)
    assert not isinstance(attempt(client, envelope), Accepted | InDoubt)
    assert len(server.peers) == 1


@pytest.mark.parametrize("interim", [EARLY_HINTS, CONTINUE])
def test_announcements_without_end_are_in_doubt(
    serve: Serve, push_api: Client, envelope: Envelope, interim: bytes
) -> None:
    def announce(peer: Peer) -> None:
        peer.read_request()
        while True:
            peer.send(interim)

    assert isinstance(attempt(push_api(serve(announce).url, timeout=SHORT), envelope), InDoubt)


def test_a_connection_is_kept_for_the_next_request(
    serve: Serve, push_api: Client, envelope: Envelope
) -> None:
    server = serve(replying(ACCEPTED, http(refusal(33), "400 Bad Request"), ACCEPTED))
    client = push_api(server.url)
    for _ in range(3):
        attempt(client, envelope)
    assert len(server.peers) == 1


def test_a_kept_connection_that_the_server_has_closed_is_not_used(
    serve: Serve, push_api: Client, envelope: Envelope
) -> None:
    server = serve(replying(ACCEPTED))
    client = push_api(server.url)
    for number in (1, 2, 3):
        assert isinstance(attempt(client, envelope), Accepted)
        assert len(server.peers) == number
        eventually(lambda: server.peers[-1].sock.fileno() == -1)


def test_the_deadline_of_an_ended_attempt_does_not_cut_the_next_on_its_connection(
    serve: Serve, push_api: Client, envelope: Envelope
) -> None:
    def slow_second_reply(peer: Peer) -> None:
        peer.read_request()
        peer.send(ACCEPTED)
        peer.read_request()
        peer.over.wait(SHORT * 0.9)
        peer.send(ACCEPTED)

    server = serve(slow_second_reply)
    client = push_api(server.url, timeout=SHORT)
    assert isinstance(attempt(client, envelope), Accepted)
    eventually_later = clock() + SHORT * 0.5
    eventually(lambda: clock() > eventually_later)
    assert isinstance(attempt(client, envelope), Accepted)
    assert len(server.peers) == 1


def test_the_watchdog_leaves_an_ended_attempts_connection_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ended = Attempt(send_before=clock() + 1, deadline=clock() + 0.1)
        waiting = Attempt(send_before=clock() + 1, deadline=clock() + 0.2)
        ended.begin(Handle(ours.fileno()))
        ended.end()
        dog = Watchdog()
        dog.watch(waiting)
        dog.watch(ended)
        eventually(lambda: waiting.cut)
        assert not ended.cut
        ours.sendall(b"still open")
        assert theirs.recv(10) == b"still open"


def test_a_late_reply_is_never_taken_for_the_next_requests(
    serve: Serve, push_api: Client, envelope: Envelope
) -> None:
    def hint_first(peer: Peer) -> None:
        peer.read_request()
        peer.send(EARLY_HINTS)
        late.wait()
        peer.send(ACCEPTED)

    late = threading.Event()
    server = serve(hint_first)
    client = push_api(server.url, timeout=SHORT)
    for number in (1, 2):
        assert isinstance(attempt(client, envelope), InDoubt)
        assert len(server.peers) == number
    late.set()


def test_a_connection_that_is_not_kept_is_closed_at_once(
    serve: Serve, push_api: Client, envelope: Envelope
) -> None:
    ended: list[bytes] = []

    def say_that_it_ends(peer: Peer) -> None:
        peer.read_request()
        peer.send(http(result(), "200 OK", "Connection: close"))
        ended.append(peer.sock.recv(1))

    client = push_api(serve(say_that_it_ends).url)
    assert isinstance(attempt(client, envelope), Accepted)
    eventually(lambda: ended == [b""])


def test_a_connection_that_comes_after_the_deadline_is_cut_at_once() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        late = Attempt(send_before=clock(), deadline=clock())
        Watchdog().watch(late)
        eventually(lambda: late.cut)
        late.hold(Handle(ours.fileno()))
        theirs.settimeout(5)
        assert theirs.recv(1) == b""


def test_a_request_names_its_host_and_its_path_and_carries_the_urls_credentials(
    serve: Serve, push_api: Client, envelope: Envelope
) -> None:
    server = serve(replying(ACCEPTED))
    url = server.url.replace("http://", "http://user:secret@").rstrip("/") + "/send?x=%20y"
    assert isinstance(attempt(push_api(url), envelope), Accepted)
    head, _, body = server.received.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    assert line.endswith("/send?x=%20y HTTP/1.1")
    assert f"Host: 127.0.0.1:{server.port}" in headers
    assert "Authorization: Basic dXNlcjpzZWNyZXQ=" in headers
    lengths = [header for header in headers if header.startswith("Content-Length:")]
    assert lengths == [f"Content-Length: {len(body)}"]


def test_a_reply_that_comes_before_the_body_is_read_counts(
    serve: Serve, push_api: Client, envelope: Envelope
) -> None:
    def refuse_early(peer: Peer) -> None:
        peer.read_head()
        peer.send(http(b"", "429 Too Many Requests", "Retry-After: 7"))
        peer.hang()

    outcome = attempt(push_api(serve(refuse_early).url), envelope)
    assert isinstance(outcome, Throttled)
