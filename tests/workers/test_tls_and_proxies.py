"""TLS and proxies: their own bytes are not the request's, and the deadline holds in them too."""

import select
import shutil
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from dispatcher.errors import SettingError
from dispatcher.lifecycle import Accepted, InDoubt, NotSent, Outcome
from tests.workers.certificates import Certificate, self_signed
from tests.workers.scripted_server import Peer, Script, ScriptedServer, http, replying
from tests.workers.sending import attempt, result
from workers.envelope import Envelope
from workers.push_api import PushApi

Serve = Callable[[Script], ScriptedServer]
Client = Callable[..., PushApi]

ACCEPTED = http(result())
SHORT = 0.3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate that nobody trusts yet."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS, which the clients of this test trust."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.path))
    return certificate.context()


def over_tls(context: ssl.SSLContext, script: Script) -> Script:
    def secured(peer: Peer) -> None:
        peer.secure(context)
        script(peer)

    return secured


def https(server: ScriptedServer) -> str:
    return server.url.replace("http://", "https://")


def hang_after_request(peer: Peer) -> None:
    peer.read_request()
    peer.hang()


def drip_reply(peer: Peer) -> None:
    peer.read_request()
    peer.drip(ACCEPTED)


def reset_after_request(peer: Peer) -> None:
    peer.read_request()
    peer.reset()


def hang(peer: Peer) -> None:
    peer.hang()


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


def test_certificates_that_cannot_be_read_sent_nothing(
    serve: Serve, push_api: Client, envelope: Envelope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    outcome = attempt(push_api(https(serve(hang))), envelope)
    assert isinstance(outcome, NotSent)
    assert "/nowhere.pem" in outcome.reason.message


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
