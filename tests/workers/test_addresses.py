"""The addresses of the vendor's host: none, dead ones, and several."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dispatcher.lifecycle import Accepted, NotSent
from tests.waiting import eventually
from tests.workers.scripted_server import Script, ScriptedServer, http, replying
from tests.workers.sending import attempt, result
from workers.envelope import Envelope
from workers.push_api import PushApi
from workers.watchdog import clock

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


@pytest.fixture
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Nobody answers for a name before the test is over; the names asked for so far."""
    asked: list[str] = []
    over = threading.Event()

    def never(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    yield asked
    over.set()


def test_a_silent_name_server_costs_the_requests_time_and_sends_nothing(
    push_api: Client, envelope: Envelope, silent_name_server: list[str]
) -> None:
    client = push_api("http://slow.invalid/", timeout=SHORT)
    began = time.monotonic()
    outcome = attempt(client, envelope)

    assert time.monotonic() - began < SHORT + 5
    assert isinstance(outcome, NotSent)


def test_requests_that_wait_for_one_name_share_one_question(
    push_api: Client, envelope: Envelope, silent_name_server: list[str]
) -> None:
    client = push_api("http://shared.invalid/", timeout=SHORT)
    with ThreadPoolExecutor(8) as slots:
        outcomes = [*slots.map(lambda _: attempt(client, envelope), range(16))]

    assert all(isinstance(outcome, NotSent) for outcome in outcomes)
    assert silent_name_server == ["shared.invalid"]


@pytest.mark.parametrize(("good_for", "asked"), [(60.0, 1), (0.0, 3)])
def test_an_answer_is_that_of_all_who_connect_within_a_second(
    serve: Serve,
    push_api: Client,
    envelope: Envelope,
    monkeypatch: pytest.MonkeyPatch,
    good_for: float,
    asked: int,
) -> None:
    server = serve(replying(http(result(), "200 OK", "Connection: close")))
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
    questions: list[str] = []

    def answer(host: str, *_: object, **__: object) -> object:
        questions.append(host)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    monkeypatch.setattr("workers.addresses._GOOD_FOR", good_for)
    client = push_api(f"http://known.invalid:{server.port}/")
    assert all(isinstance(attempt(client, envelope), Accepted) for _ in range(3))
    assert questions.count("known.invalid") == asked


def test_an_error_is_theirs_alone_who_waited_for_it(
    serve: Serve, push_api: Client, envelope: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(replying(ACCEPTED))
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
    answers = [socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")]

    def answer(*_: object, **__: object) -> object:
        if answers:
            raise answers.pop()
        return found

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    client = push_api(f"http://shaky.invalid:{server.port}/")
    assert isinstance(attempt(client, envelope), NotSent)
    assert isinstance(attempt(client, envelope), Accepted)


def test_without_a_thread_to_ask_for_a_name_nothing_was_sent(
    push_api: Client, envelope: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("can't start new thread")

    client = push_api("http://threadless.invalid/")
    monkeypatch.setattr(threading.Thread, "start", fail)
    outcome = attempt(client, envelope)
    monkeypatch.undo()
    assert isinstance(outcome, NotSent)
    assert "threadless.invalid: no thread" in outcome.reason.message


def test_a_name_that_was_given_up_is_asked_for_again_once_it_was_answered(
    serve: Serve, push_api: Client, envelope: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked = threading.Event(), threading.Event()
    server = serve(replying(ACCEPTED))
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]

    def late(*_: object, **__: object) -> object:
        asked.set()
        answers.wait()
        return found

    monkeypatch.setattr(socket, "getaddrinfo", late)
    client = push_api(f"http://late.invalid:{server.port}/", timeout=SHORT)
    assert isinstance(attempt(client, envelope), NotSent)
    assert asked.is_set()
    answers.set()
    eventually(lambda: isinstance(attempt(client, envelope), Accepted))


def test_a_name_that_comes_after_the_right_to_send_sends_nothing(
    serve: Serve, push_api: Client, envelope: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(replying(ACCEPTED))
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
    right_is_over = clock() + SHORT

    def late(*_: object, **__: object) -> object:
        eventually(lambda: clock() > right_is_over)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", late)
    outcome = attempt(push_api(server.url), envelope, send_before=SHORT / 2)

    assert isinstance(outcome, NotSent)
    assert not any(peer.received for peer in server.peers)


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
