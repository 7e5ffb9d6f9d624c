"""TLS: its own bytes are not the request's, and the deadline holds in it, too."""

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dispatcher.errors import SettingError
from dispatcher.lifecycle import Accepted, InDoubt, NotSent, Outcome
from tests.certificates import Certificate
from tests.workers.scripted_server import Peer, Script, ScriptedServer, http, replying
from tests.workers.scripts import (
    ACCEPTED,
    drip_reply,
    hang,
    hang_after_request,
    https,
    over_tls,
    reset_after_request,
)
from tests.workers.sending import attempt, result
from workers.envelope import Envelope
from workers.push_api import PushApi

Serve = Callable[[Script], ScriptedServer]
Client = Callable[..., PushApi]

SHORT = 0.3
_BUFFER = 8192
"""Bytes that are read at once."""


def drip_handshake(peer: Peer) -> None:
    peer.drip(b"\x16\x03\x03\x40\x00" + b"\x02" * 16_384)


def timed(act: Callable[[], Outcome]) -> tuple[Outcome, float]:
    began = time.monotonic()
    return act(), time.monotonic() - began


def test_a_certificate_that_is_not_trusted_sent_nothing(
    serve: Serve, push_api: Client, envelope: Envelope, certificate: Certificate
) -> None:
    server = serve(over_tls(certificate.context(), replying(ACCEPTED)))
    outcome = attempt(push_api(https(server)), envelope)
    assert isinstance(outcome, NotSent)
    assert "certificate verify failed" in outcome.reason.message
    assert server.received == b""


def test_certificates_that_cannot_be_found_are_refused_at_once(
    serve: Serve, push_api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    with pytest.raises(SettingError, match=r"REQUESTS_CA_BUNDLE.*/nowhere\.pem"):
        push_api(https(serve(hang)))


@pytest.mark.parametrize("content", ["no certificates", ""])
def test_certificates_that_cannot_be_read_are_refused_at_the_start(
    push_api: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(content, encoding="ascii")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with pytest.raises(SettingError, match="REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE is wrong"):
        push_api("https://127.0.0.1:9/")


def test_certificates_are_loaded_once_for_all_connections(
    serve: Serve,
    push_api: Client,
    envelope: Envelope,
    trusted: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load(*given: Any, **named: Any) -> None:
        loaded.append(given)
        really(*given, **named)

    loaded: list[object] = []
    really = ssl.SSLContext.load_verify_locations
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", load)
    closing = http(result(), "200 OK", "Connection: close")
    server = serve(over_tls(trusted, replying(closing)))
    client = push_api(https(server))
    assert all(isinstance(attempt(client, envelope), Accepted) for _ in range(3))
    assert (len(server.peers), len(loaded)) == (3, 1)


def test_a_second_reply_in_one_record_is_never_taken_for_the_next_requests(
    serve: Serve, push_api: Client, envelope: Envelope, trusted: ssl.SSLContext
) -> None:
    """The first fills the buffer to the brim, so that the second stays with TLS."""
    body = result()
    padding = b" " * (_BUFFER - len(http(body)))
    padding = padding[len(http(padding + body)) - _BUFFER :]

    def reply_twice(peer: Peer) -> None:
        peer.read_request()
        peer.send(http(padding + body) + http(result(audience=777)))
        peer.hang()

    server = serve(over_tls(trusted, reply_twice))
    client = push_api(https(server))
    assert len(http(padding + body)) == _BUFFER
    for number in (1, 2):
        outcome = attempt(client, envelope)
        assert isinstance(outcome, Accepted)
        assert outcome.audience == 2
        assert len(server.peers) == number


def test_a_server_without_tls_sent_nothing(
    serve: Serve, push_api: Client, envelope: Envelope
) -> None:
    def answer_plainly(peer: Peer) -> None:
        peer.sock.recv(1)
        peer.send(ACCEPTED)

    assert isinstance(attempt(push_api(https(serve(answer_plainly))), envelope), NotSent)


def test_a_trusted_server_gets_the_request_and_keeps_the_connection(
    serve: Serve, push_api: Client, envelope: Envelope, trusted: ssl.SSLContext
) -> None:
    server = serve(over_tls(trusted, replying(ACCEPTED, ACCEPTED)))
    client = push_api(https(server))
    assert isinstance(attempt(client, envelope), Accepted)
    assert isinstance(attempt(client, envelope), Accepted)
    assert len(server.peers) == 1


@pytest.mark.parametrize("script", [hang_after_request, drip_reply])
def test_the_deadline_holds_over_tls(
    serve: Serve, push_api: Client, envelope: Envelope, trusted: ssl.SSLContext, script: Script
) -> None:
    client = push_api(https(serve(over_tls(trusted, script))), timeout=SHORT)
    outcome, took = timed(lambda: attempt(client, envelope))
    assert isinstance(outcome, InDoubt)
    assert took < SHORT + 0.5


def test_a_reset_over_tls_is_in_doubt(
    serve: Serve, push_api: Client, envelope: Envelope, trusted: ssl.SSLContext
) -> None:
    server = serve(over_tls(trusted, reset_after_request))
    assert isinstance(attempt(push_api(https(server)), envelope), InDoubt)


@pytest.mark.parametrize("script", [hang, drip_handshake])
def test_a_handshake_that_does_not_end_sent_nothing_in_time(
    serve: Serve, push_api: Client, envelope: Envelope, script: Script
) -> None:
    client = push_api(https(serve(script)), timeout=SHORT)
    outcome, took = timed(lambda: attempt(client, envelope))
    assert isinstance(outcome, NotSent)
    assert outcome.reason.message == "No connection within 0.3 s"
    assert took < SHORT + 0.5
