"""Proxies: what they are told is not the request, and the deadline holds in them, too."""

import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from dispatcher.errors import SettingError
from dispatcher.lifecycle import Accepted, InDoubt, NotSent, Outcome
from tests.workers.scripted_server import Peer, Script, ScriptedServer, http, replying
from tests.workers.scripts import (
    ACCEPTED,
    drip_reply,
    hang_after_request,
    https,
    over_tls,
    reset_after_request,
)
from tests.workers.sending import attempt
from workers.envelope import Envelope
from workers.push_api import PushApi

Serve = Callable[[Script], ScriptedServer]
Client = Callable[..., PushApi]

SHORT = 0.3
CREDENTIALS = "user:secret"
PROXY_AUTHORIZATION = b"Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"


def timed(act: Callable[[], Outcome]) -> tuple[Outcome, float]:
    began = time.monotonic()
    return act(), time.monotonic() - began


def tunnel(peer: Peer) -> None:
    """A proxy that connects as CONNECT asks it to, in one thread: TLS objects bear no two."""
    host, _, port = peer.read_head().split()[1].decode().partition(":")
    with socket.create_connection((host, int(port))) as upstream, suppress(OSError):
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        other = {peer.sock: upstream, upstream: peer.sock}
        while True:
            for source in select.select(list(other), [], [])[0]:
                data = source.recv(65_536)
                if not data:
                    return
                other[source].sendall(data)


def test_a_forward_proxy_carries_the_request(
    serve: Serve, push_api: Client, envelope: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(replying(ACCEPTED))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    assert isinstance(attempt(push_api("http://push.invalid/send"), envelope), Accepted)
    assert proxy.received.startswith(b"POST http://push.invalid/send HTTP/1.1\r\n")


def test_a_forward_proxy_that_hangs_leaves_the_request_in_doubt(
    serve: Serve, push_api: Client, envelope: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(hang_after_request)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    outcome, took = timed(lambda: attempt(push_api("http://push.invalid/", SHORT), envelope))
    assert isinstance(outcome, InDoubt)
    assert took < SHORT + 0.5


def test_a_forward_proxy_gets_its_credentials_with_the_request(
    serve: Serve, push_api: Client, envelope: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(replying(ACCEPTED))
    monkeypatch.setenv("HTTP_PROXY", f"http://{CREDENTIALS}@127.0.0.1:{proxy.port}")
    assert isinstance(attempt(push_api("http://push.invalid/send"), envelope), Accepted)
    assert PROXY_AUTHORIZATION in proxy.received


def test_a_tunnels_credentials_are_none_of_the_vendors_business(
    serve: Serve,
    push_api: Client,
    envelope: Envelope,
    monkeypatch: pytest.MonkeyPatch,
    trusted: ssl.SSLContext,
) -> None:
    server = serve(over_tls(trusted, replying(ACCEPTED)))
    proxy = serve(tunnel)
    monkeypatch.setenv("HTTPS_PROXY", f"http://{CREDENTIALS}@127.0.0.1:{proxy.port}")
    assert isinstance(attempt(push_api(https(server)), envelope), Accepted)
    assert PROXY_AUTHORIZATION in proxy.received
    assert b"Proxy-Authorization" not in server.received


@pytest.mark.parametrize("status", ["403 Forbidden", "502 Bad Gateway", "407 Login"])
def test_a_proxy_that_refuses_to_connect_sent_nothing(
    serve: Serve,
    push_api: Client,
    envelope: Envelope,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
) -> None:
    def refuse(peer: Peer) -> None:
        peer.read_head()
        peer.send(http(b"", status))

    proxy = serve(refuse)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    outcome = attempt(push_api("https://push.invalid/"), envelope)
    assert isinstance(outcome, NotSent)
    assert status in outcome.reason.message
    assert b"POST" not in proxy.received


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 Connection established\r\n\r\n"])
def test_a_proxy_that_hangs_before_the_request_sent_nothing_in_time(
    serve: Serve,
    push_api: Client,
    envelope: Envelope,
    monkeypatch: pytest.MonkeyPatch,
    reply: bytes,
) -> None:
    def hang_in_connect(peer: Peer) -> None:
        peer.read_head()
        peer.drip(reply)
        peer.hang()

    proxy = serve(hang_in_connect)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    outcome, took = timed(lambda: attempt(push_api("https://push.invalid/", SHORT), envelope))
    assert isinstance(outcome, NotSent)
    assert took < SHORT + 0.5


@pytest.mark.parametrize("script", [hang_after_request, drip_reply, reset_after_request])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_request_through_a_tunnel_is_in_doubt_when_its_reply_does_not_come(
    serve: Serve,
    push_api: Client,
    envelope: Envelope,
    monkeypatch: pytest.MonkeyPatch,
    trusted: ssl.SSLContext,
    script: Script,
    scheme: str,
) -> None:
    server = serve(over_tls(trusted, script))
    proxy = serve(tunnel if scheme == "http" else over_tls(trusted, tunnel))
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
    outcome, took = timed(lambda: attempt(push_api(https(server), SHORT), envelope))
    assert isinstance(outcome, InDoubt)
    assert took < SHORT + 0.5
    assert b"POST" in server.received


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_tunnel_carries_requests_one_after_another(
    serve: Serve,
    push_api: Client,
    envelope: Envelope,
    monkeypatch: pytest.MonkeyPatch,
    trusted: ssl.SSLContext,
    scheme: str,
) -> None:
    server = serve(over_tls(trusted, replying(ACCEPTED, ACCEPTED)))
    proxy = serve(tunnel if scheme == "http" else over_tls(trusted, tunnel))
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{proxy.port}")
    client = push_api(https(server))
    assert isinstance(attempt(client, envelope), Accepted)
    assert isinstance(attempt(client, envelope), Accepted)
    assert len(server.peers) == 1


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY", "https_proxy"])
@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "SOCKS4"])
def test_a_socks_proxy_is_refused_at_the_start(
    push_api: Client, monkeypatch: pytest.MonkeyPatch, variable: str, scheme: str
) -> None:
    monkeypatch.setenv(variable, f"{scheme}://127.0.0.1:1080")
    with pytest.raises(SettingError, match="SOCKS"):
        push_api("https://push.invalid/")


@pytest.mark.parametrize(
    "proxy",
    [
        "proxy:3128",
        "http:///proxy",
        "http://user:secret@proxy:99999",
        "http://pro xy:3128",
        "ftp://proxy:1",
        "http://user:%D0%BF@proxy:1",
    ],
)
def test_what_is_no_proxy_is_refused_at_the_start_without_its_password(
    push_api: Client, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(SettingError, match=r"HTTPS_PROXY.* no proxy") as refused:
        push_api("https://push.invalid/")
    assert "secret" not in str(refused.value)


def test_a_socks_proxy_for_others_is_none_of_ours(
    serve: Serve, push_api: Client, envelope: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(replying(ACCEPTED))
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    monkeypatch.setenv("NO_PROXY", str(urlsplit(server.url).hostname))
    assert isinstance(attempt(push_api(server.url), envelope), Accepted)


def test_an_address_that_is_none_is_refused_at_the_start(push_api: Client) -> None:
    with pytest.raises(SettingError, match="DISPATCHER_PUSH_API_URL"):
        push_api("http://*.example/")
