"""A connection that knows whether a byte of a request has left, and that ends at its deadline.

Exceptions do not tell whether anything was sent: an SSLError may come after the request, a reset
before it. What tells is `Attempt.started`, set before the first byte; and whether the watchdog cut
the attempt off.
"""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from typing import Any, TypeVar, cast

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util.connection import create_connection
from urllib3.util.ssl_ import create_urllib3_context

from workers.addresses import addresses
from workers.reading import Reply, read_from
from workers.watchdog import Handle, Line, clock

Done = TypeVar("Done")

HUNG_UP = (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError)


class TooLate(Exception):
    """The attempt's right to send ended before its first byte."""


TROUBLE = (HTTPError, HTTPException, OSError, TooLate, ValueError)
"""All that a connection raises."""


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


class Guarded(HTTPConnection):
    """A connection that can be cut off from its first byte on, whoever waits on it."""

    attempt: Attempt
    _handle: Handle | None = None

    def connect(self) -> None:
        super().connect()
        # From here on the watchdog keeps the time; a time-out would cost a poll before each call.
        self.sock.settimeout(None)

    def close(self) -> None:
        super().close()
        self._handle = None  # it is a duplicate, and would keep the connection open

    def _new_conn(self) -> socket.socket:
        sock = _connect((self._dns_host, self.port), self.attempt.deadline, self.socket_options)
        self._handle = Handle(sock.fileno())
        # What a handshake or a proxy may hold up from here on can be cut off.
        self.attempt.hold(self._handle)
        return sock

    def exchange(self, request: Callable[[], bytes], sent: Callable[[], None]) -> Reply:
        """Send a request, ready as it goes onto the wire, and read its reply.

        `sent` is called once it has left. The connection stays open only where nothing more of this
        request is known to come.
        """
        content = request()
        self.begin()
        whole = False
        with suppress(*HUNG_UP):  # the reply may be there all the same
            self.sock.sendall(content)
            whole = True
        del content  # the reply may take long, and needs none of it
        sent()
        return self.ended(read_from(self.sock), whole)

    def begin(self) -> None:
        """The last check before the attempt's first byte; TooLate where its time is over."""
        assert self._handle is not None
        self.attempt.begin(self._handle)

    def ended(self, reply: Reply, whole: bool) -> Reply:
        """A reply has come to a request that was sent whole or not: what becomes of this."""
        if reply.is_last or not whole or _has_more(self.sock):
            self.close()
        return reply


def _has_more(sock: Any) -> bool:
    """Whether TLS holds bytes that it has deciphered: to look at the socket does not show them."""
    tls = getattr(sock, "sslobj", sock)  # in a tunnel that is TLS itself
    pending: Callable[[], int] = getattr(tls, "pending", int)
    return pending() > 0


def _connect(address: tuple[str, int | None], deadline: float, options: Any) -> socket.socket:
    """Connect before the deadline; each of the host's addresses gets its share of the time left.

    The library would give the whole time to each of them, and several dead ones would outlast the
    chunk's lease.
    """
    found = addresses(*address, deadline)
    while True:
        share = (deadline - clock()) / len(found)
        if share <= 0:
            raise TimeoutError("the connection took too long")
        try:
            return create_connection(found.pop(0), share, socket_options=options)
        except OSError:
            if not found:
                raise


class _GuardedHTTPS(Guarded, HTTPSConnection):
    """The same over TLS."""


class GuardedPool(HTTPConnectionPool):
    """Connections to one place, direct or through a proxy; each serves one request at a time."""

    ConnectionCls = Guarded

    def exchange(
        self, request: Callable[[], bytes], attempt: Attempt, sent: Callable[[], None]
    ) -> Reply:
        """One request on a connection that is kept, or on a new one; never a second try.

        urllib3's own way to do this takes as long again as all the rest of a request.
        """
        connection: Any = self._get_conn()
        connection.attempt = attempt

        def exchange() -> Reply:
            self._open(connection)
            reply: Reply = connection.exchange(request, sent)
            return reply

        try:
            return closed_by_trouble(connection, exchange)
        finally:
            self._put_conn(connection)

    def take_open(self, opening: Callable[[], Attempt] | None) -> Guarded | None:
        """An open connection with a socket of its own, to be put back; None for none.

        Where it is yet to be opened, `opening` makes what keeps the time of that; without it, none
        is opened.
        """
        connection: Any = self._get_conn()
        try:
            if connection.is_closed and opening is not None:
                connection.attempt = opening()
                with suppress(*TROUBLE):
                    closed_by_trouble(connection, lambda: self._open(connection))
                if connection.attempt.cut:  # it may look open: TLS passes over a socket that is cut
                    connection.close()
        except BaseException:
            self._put_conn(connection)
            raise
        if not connection.is_closed and isinstance(connection.sock, socket.socket):
            return cast(Guarded, connection)
        self._put_conn(connection)  # within a tunnel's TLS there is no socket to wait for
        return None

    def _open(self, connection: Any) -> None:
        """Connect, directly or through the proxy, where that is not done yet."""
        if connection.is_closed and self.proxy is not None:
            self._prepare_proxy(connection)
        if connection.is_closed:
            connection.connect()

    def put_back(self, connection: Guarded) -> None:
        """What `take_open` gave may serve others."""
        self._put_conn(cast(Any, connection))


def closed_by_trouble(connection: Guarded, exchange: Callable[[], Done]) -> Done:
    """An exchange and its attempt's end; nothing that went wrong is kept for the next one."""
    try:
        return exchange()
    except BaseException:
        connection.close()
        raise
    finally:
        connection.attempt.end()


class _GuardedHTTPSPool(GuardedPool, HTTPSConnectionPool):
    ConnectionCls = _GuardedHTTPS


_POOLS = {"http": GuardedPool, "https": _GuardedHTTPSPool}


class GuardedAdapter(HTTPAdapter):
    """requests' adapter over guarded connections, direct or through an HTTP proxy; no retries."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def pool(
        self, request: PreparedRequest, proxies: dict[str, str], verify: bool | str | None
    ) -> GuardedPool:
        """The connections for such requests.

        Certificates are loaded once: each connection would take 45 ms of CPU to do so. Those of a
        proxy over TLS are for its own connections to load, too. Raises OSError where `verify` names
        some that are not there, or are none.
        """
        trust = True if verify is None else verify
        pool: Any = self.get_connection_with_tls_context(request, trust, proxies)
        self.cert_verify(pool, request.url, trust, None)  # type: ignore[no-untyped-call]
        secure_proxy = pool.proxy is not None and pool.proxy.scheme == "https"
        if (pool.ca_certs or pool.ca_cert_dir) and not secure_proxy:
            context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
            context.load_verify_locations(pool.ca_certs, pool.ca_cert_dir)
            pool.conn_kw["ssl_context"] = context
            pool.ca_certs = pool.ca_cert_dir = None
        assert isinstance(pool, GuardedPool)
        return pool
