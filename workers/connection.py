"""A connection that knows whether a byte of a request has left, and that ends at its deadline.

Exceptions do not tell whether anything was sent: an SSLError may come after the request, a reset
before it. What tells is `Attempt.started`, set in the connection's own `send()` before the first
byte; and whether the watchdog cut the attempt off.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.connection import create_connection

from workers.watchdog import Handle, Line, Watchdog, clock


class TooLate(Exception):
    """The attempt's right to send ended before its first byte."""


class Attempt(Line):
    """One request from before its connection to the end of its reply.

    `send_before` is the last moment for its first byte, `deadline` the last for the whole of it,
    both on `clock()`.
    """

    __slots__ = ("send_before", "started")

    def __init__(self, *, send_before: float, deadline: float) -> None:
        super().__init__(deadline)
        self.send_before = send_before
        self.started = False

    def begin(self, handle: Handle) -> None:
        """The last check before the first byte; TooLate where the time is over."""
        with self._lock:
            if clock() >= min(self.send_before, self.deadline):
                raise TooLate("its time was over before the first byte was sent")
            self._handle = handle
            self.started = True


class _Current(threading.local):
    attempt: Attempt | None = None


_current = _Current()


@contextmanager
def guarded(attempt: Attempt, watchdog: Watchdog) -> Iterator[None]:
    """Let this thread's connections answer to the attempt."""
    _current.attempt = attempt
    watchdog.watch(attempt)
    try:
        yield
    finally:
        attempt.end()
        _current.attempt = None


class _Guarded(HTTPConnection):
    """Checks the time and notes the start before the first byte of a request.

    The request's head waits for its body, and leaves with it. Connecting sends bytes of its own (a
    proxy's CONNECT goes through `send()` too): those are not the request's.
    """

    _connecting = False
    _handle: Handle
    _head = b""

    def connect(self) -> None:
        self._connecting = True
        try:
            super().connect()
        finally:
            self._connecting = False

    def close(self) -> None:
        self._head = b""
        super().close()

    def _new_conn(self) -> socket.socket:
        attempt = _current.attempt
        assert attempt is not None
        sock = _connect((self._dns_host, self.port), attempt.deadline, self.socket_options)
        self._handle = Handle(sock.fileno())
        # What a handshake or a proxy may hold up from here on can be cut off.
        attempt.hold(self._handle)
        return sock

    def send(self, data: Any) -> None:
        if self._connecting:
            super().send(data)
        elif not self._head:
            if self.sock is None:
                self.connect()
            self._head = data
        else:
            assert _current.attempt is not None
            _current.attempt.begin(self._handle)
            super().send(self._head + data)
            self._head = b""


def _connect(address: tuple[str, int | None], deadline: float, options: Any) -> socket.socket:
    """Connect before the deadline; each of the host's addresses gets its share of the time left.

    The library would give the whole time to each of them, and several dead ones would outlast the
    chunk's lease.
    """
    try:
        entries = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise OSError(f"{address[0]}: {error.strerror}") from error
    found = [(str(host), int(port)) for *_, (host, port, *_) in entries]
    while True:
        share = (deadline - clock()) / len(found)
        if share <= 0:
            raise TimeoutError("the connection took too long")
        try:
            return create_connection(found.pop(0), share, socket_options=options)
        except OSError:
            if not found:
                raise


class _GuardedHTTPS(_Guarded, HTTPSConnection):
    """The same over TLS."""


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _Guarded


class _GuardedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS


_POOLS = {"http": _GuardedPool, "https": _GuardedHTTPSPool}


class GuardedAdapter(HTTPAdapter):
    """requests' adapter over guarded connections, direct or through an HTTP proxy; no retries."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager
