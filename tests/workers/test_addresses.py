"""The addresses of the vendor's host: none, dead ones, and several."""

import socket
import time
from collections.abc import Callable

import pytest

from dispatcher.lifecycle import Accepted, NotSent
from tests.workers.scripted_server import Script, ScriptedServer, http, replying
from tests.workers.sending import attempt, result
from workers.envelope import Envelope
from workers.push_api import PushApi

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


def test_a_host_without_an_address_sent_nothing(push_api: Client, envelope: Envelope) -> None:
    outcome = attempt(push_api("http://nowhere.invalid/"), envelope)
    assert isinstance(outcome, NotSent)
    assert "nowhere.invalid" in outcome.reason.message


def test_every_address_of_the_host_is_tried_within_one_deadline(
    push_api: Client, envelope: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.create_connection(address)]  # the only place: the next ones hang
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)] * 4
        client = push_api(f"http://127.0.0.1:{address[1]}/", timeout=SHORT)
        began = time.monotonic()
        with monkeypatch.context() as patch:
            patch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
            outcome = attempt(client, envelope)
        assert time.monotonic() - began < SHORT + 0.5
        assert isinstance(outcome, NotSent)
        for connection in waiting:
            connection.close()


def test_a_dead_address_of_the_host_leaves_time_for_the_next(
    serve: Serve, push_api: Client, envelope: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(replying(ACCEPTED))
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
        for port in (unused_port(), server.port)
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert isinstance(attempt(push_api(server.url), envelope), Accepted)
