"""One HTTP attempt at the Push API, never more, and what it came to.

The request is lean: prepared once, copied with its body, sent through the adapter.
"""

from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from http.client import HTTPException
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import HTTPError

from dispatcher.errors import SettingError
from dispatcher.lifecycle import InDoubt, NotSent, Outcome, Reason
from workers.connection import Attempt, GuardedAdapter, TooLate, guarded
from workers.envelope import Envelope
from workers.replies import read_reply
from workers.watchdog import Watchdog, clock

_MOST_REPLY_BYTES = 4_000_000
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "dispatcher",
}


class PushApi:
    """The vendor's Push API at one URL, for `slots` requests at once.

    `timeout` is the time for one whole request, from the connection to the last byte of its reply.
    Raises SettingError for a proxy that cannot be used.
    """

    def __init__(self, url: str, *, timeout: timedelta, slots: int) -> None:
        self._timeout = timeout.total_seconds()
        self._watchdog = Watchdog()
        self._adapter = GuardedAdapter(pool_connections=2, pool_maxsize=slots, max_retries=0)
        self._pool, self._target = _road(self._adapter, url)

    def send(self, envelope: Envelope, body: bytes, send_before: float) -> Outcome:
        """Make one attempt. `send_before` on `clock()` is the last moment for its first byte."""
        now = clock()
        attempt = Attempt(send_before=send_before, deadline=now + self._timeout)
        try:
            with guarded(attempt, self._watchdog):
                status, headers, reply = self._exchange(body)
        except (HTTPError, HTTPException, OSError, TooLate, ValueError) as error:
            return _failure(attempt, envelope.redact(_plain(error)), self._timeout)
        if attempt.cut:
            return _failure(attempt, "", self._timeout)
        return read_reply(status, headers, reply, envelope)

    def close(self) -> None:
        """Close the connections that are kept for the next request."""
        self._adapter.close()

    def _exchange(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        # Time-outs of the socket would cost a poll before each of its calls.
        response = self._pool.urlopen(
            "POST",
            self._target,
            body,
            _HEADERS,
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=None,
            preload_content=False,
        )
        with closing(response):
            return response.status, response.headers, _read_bounded(response)


def _road(adapter: HTTPAdapter, url: str) -> tuple[HTTPConnectionPool, str]:
    """The connections to the URL, and how a request names it on them.

    The proxies and the certificates are those that the environment names, resolved once.
    """
    try:
        request = requests.Request("POST", url).prepare()
    except requests.RequestException as error:
        raise SettingError(f"DISPATCHER_PUSH_API_URL is wrong: {error}.") from error
    environment = requests.Session().merge_environment_settings(url, {}, True, None, None)
    proxies = dict(environment["proxies"])
    if (select_proxy(url, proxies) or "").lower().startswith("socks"):
        raise SettingError(
            "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names a SOCKS proxy, which cannot be used: name "
            "an HTTP proxy, or put the Push API's host into NO_PROXY."
        )
    verify = environment["verify"]
    verify = True if verify is None else verify
    pool: Any = adapter.get_connection_with_tls_context(request, verify, proxies)
    try:
        adapter.cert_verify(pool, url, verify, None)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise SettingError(f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE is wrong: {error}.") from error
    return pool, adapter.request_url(request, proxies)


def _read_bounded(raw: Any) -> bytes:
    reply = bytearray()
    while part := raw.read(65_536, decode_content=False):
        reply += part
        if len(reply) > _MOST_REPLY_BYTES:
            raise ValueError(f"the reply is longer than {_MOST_REPLY_BYTES} bytes")
    return bytes(reply)


def _failure(attempt: Attempt, why: str, timeout: float) -> Outcome:
    """An attempt without a complete reply: only `started` and `cut` tell what it came to."""
    if not attempt.started:
        return NotSent(Reason(f"No connection within {timeout:g} s" if attempt.cut else why))
    if attempt.cut:
        return InDoubt(Reason(f"No complete reply within {timeout:g} s"))
    return InDoubt(Reason(why))


def _plain(error: Exception) -> str:
    """The innermost reason of the network's error, without addresses of objects."""
    inner: object = error
    while isinstance(inner, Exception):
        error = inner
        parts = (getattr(error, "reason", None), *error.args)
        inner = next((part for part in parts if isinstance(part, Exception)), None)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    words = str(error.args[-1] if error.args else error)
    return words.rpartition(">: ")[2] or type(error).__name__
