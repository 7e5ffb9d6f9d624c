"""One HTTP attempt at the Push API, never more, and what it came to.

The environment's proxies and certificates are requests' to find, and so are the connections; a
request goes onto them in one piece, behind a head that is the same for all.
"""

import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from urllib.parse import urlsplit

import requests
from requests.utils import select_proxy
from urllib3.exceptions import HTTPError

from dispatcher.errors import SettingError
from dispatcher.lifecycle import InDoubt, NotSent, Outcome, Reason
from dispatcher.redaction import remember, secrets_in
from workers.connection import TROUBLE, Attempt, Guarded, GuardedAdapter, GuardedPool
from workers.envelope import Envelope
from workers.reading import NoReply, Reply
from workers.replies import read_reply
from workers.watchdog import Watchdog, clock
from workers.wire import Wire

_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "dispatcher",
}
_OPENS_WITHIN = 1.0
"""Seconds for a connection that is opened before there is anything to send on it."""
_NOT_AGAIN_FOR = 10.0
"""Seconds in which none is opened so, where one was not."""
_PROXY_SETTINGS = "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"


Body = Callable[[], bytes | None]
"""Makes a request's body, the same each time: what waits for its reply holds none of it.

None where it cannot be made any more, as it may be once it has left.
"""


def _nothing() -> None:
    """What is to be done when a request has left, where nothing is."""


class PushApi:
    """The vendor's Push API at one URL, for `slots` requests at once.

    `timeout` is the time for one whole request, from the connection to the last byte of its reply.
    Raises SettingError for a URL, a proxy or certificates that cannot be used.
    """

    def __init__(self, url: str, *, timeout: timedelta, slots: int) -> None:
        self._timeout = timeout.total_seconds()
        self._watchdog = Watchdog()
        self._adapter = GuardedAdapter(pool_connections=2, pool_maxsize=slots, max_retries=0)
        self.pool, self._head = _road(self._adapter, url)
        self.wire = Wire()
        self._opens_again_at = 0.0

    def send(
        self,
        envelope: Envelope,
        body: Body,
        send_before: float,
        sent: Callable[[], None] = _nothing,
    ) -> Outcome:
        """Make one attempt. `send_before` on `clock()` is the last moment for its first byte.

        `sent` is called when the request has left, and before its reply is waited for.
        """
        attempt = self.attempt(send_before)

        def exchange() -> Reply:
            return self.pool.exchange(lambda: self.request(body), attempt, sent)

        return self.outcome(attempt, envelope, body, exchange)

    def request(self, body: Body) -> bytes:
        """A request as it goes onto the wire, in one piece."""
        content = body()
        assert content is not None
        return b"%b%d\r\n\r\n%b" % (self._head, len(content), content)

    def attempt(self, send_before: float) -> Attempt:
        """One whose time begins now, and which is cut off when it is over."""
        return self._watched(send_before, self._timeout)

    def take_open(self, *, opens: bool) -> Guarded | None:
        """An open connection for many requests, to be put back into the pool; None for none.

        Where it `opens` a new one, that has a second: what takes longer is a request's own matter,
        and so are those that begin soon after it.
        """
        if not opens or clock() < self._opens_again_at:
            return self.pool.take_open(None)
        most = min(_OPENS_WITHIN, self._timeout)
        connection = self.pool.take_open(lambda: self._watched(math.inf, most))
        if connection is None:
            self._opens_again_at = clock() + _NOT_AGAIN_FOR
        return connection

    def outcome(
        self, attempt: Attempt, envelope: Envelope, body: Body, exchange: Callable[[], Reply]
    ) -> Outcome:
        """What an attempt came to whose reply `exchange` gives; the attempt has ended by then."""
        try:
            reply = exchange()
        except TROUBLE as error:
            return _failure(attempt, envelope.redact(_plain(error)), self._timeout)
        if attempt.cut:
            return _failure(attempt, "", self._timeout)
        return read_reply(reply.status, reply.headers, reply.body, envelope, body)

    def close(self) -> None:
        """Close the connections that are kept for the next request; none is on the wire."""
        self.wire.close()
        self._adapter.close()

    def _watched(self, send_before: float, seconds: float) -> Attempt:
        attempt = Attempt(send_before=send_before, deadline=clock() + seconds)
        self._watchdog.watch(attempt)
        return attempt


def _road(adapter: GuardedAdapter, url: str) -> tuple[GuardedPool, bytes]:
    """The connections to the URL, and what every request on them begins with.

    The proxies and the certificates are those that the environment names, resolved once.
    """
    try:
        request = requests.Request("POST", url, headers=_HEADERS).prepare()
    except (requests.RequestException, ValueError) as error:
        raise SettingError(f"DISPATCHER_PUSH_API_URL is wrong: {error}.") from None
    environment = requests.Session().merge_environment_settings(url, {}, True, None, None)
    proxies = dict(environment["proxies"])
    for proxy in proxies.values():
        remember(*secrets_in(proxy))
    if (select_proxy(url, proxies) or "").lower().startswith("socks"):
        raise SettingError(
            f"{_PROXY_SETTINGS} names a SOCKS proxy, which cannot be used: name an HTTP proxy, or "
            "put the Push API's host into NO_PROXY."
        )
    try:
        pool = adapter.pool(request, proxies, environment["verify"])
        target = adapter.request_url(request, proxies)
    except (requests.RequestException, HTTPError, ValueError):
        raise SettingError(
            f"{_PROXY_SETTINGS} names no proxy that can be used: write http://HOST:PORT."
        ) from None
    except OSError as error:
        raise SettingError(f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE is wrong: {error}.") from error
    # Through a tunnel the proxy's headers go with CONNECT, and are none of the vendor's business.
    for_proxy = pool.proxy_headers if pool.scheme == "http" else {}
    return pool, _head(request, target, for_proxy)


def _head(request: requests.PreparedRequest, target: str, for_proxy: Mapping[str, str]) -> bytes:
    """Everything up to the length of the body, which is the last of the headers."""
    host = urlsplit(str(request.url)).netloc.rpartition("@")[2]
    headers = {"Host": host, **request.headers, **for_proxy}
    del headers["Content-Length"]  # of the body that this request does not have yet
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Content-Length: "]).encode("latin-1")


def _failure(attempt: Attempt, why: str, timeout: float) -> Outcome:
    """An attempt without a complete reply: only `started` and `cut` tell what it came to."""
    if not attempt.started:
        return NotSent(Reason(f"No connection within {timeout:g} s" if attempt.cut else why))
    if attempt.cut:
        return InDoubt(Reason(f"No complete reply within {timeout:g} s"))
    return InDoubt(Reason(why))


def _plain(error: Exception) -> str:
    """The innermost reason of the network's error, without addresses of objects.

    Nothing of a reply's bytes is in it, as they may name members.
    """
    inner: object = error
    while isinstance(inner, Exception):
        error = inner
        parts = (getattr(error, "reason", None), *error.args)
        inner = next((part for part in parts if isinstance(part, Exception)), None)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, IncompleteRead):
        return "the reply is cut short"
    if isinstance(error, HTTPException) and not isinstance(error, RemoteDisconnected | NoReply):
        return f"the reply cannot be read ({type(error).__name__})"
    words = str(error.args[-1] if error.args else error)
    return words.rpartition(">: ")[2] or type(error).__name__
