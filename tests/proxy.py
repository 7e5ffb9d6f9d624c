"""A TCP proxy between a worker and a server: it cuts, holds up and refuses what passes."""

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from urllib.parse import urlsplit

HOST = "127.0.0.1"
_POLL = 0.05
_TRANSACTION_OVER = b"Z\x00\x00\x00\x05I"
"""PostgreSQL's word that a statement has ended and no transaction is open any more."""


class Moment(Enum):
    """Where a snare holds a connection up."""

    REQUEST = "before the request is passed on"
    REPLY = "before the worker hears what it came to"
    COMMIT = "before the worker hears that the transaction with it was committed"


class Snare:
    """Holds up the next `count` connections whose request contains `pattern`, then no more."""

    def __init__(self, pattern: bytes, moment: Moment, count: int) -> None:
        self.pattern = pattern
        self.moment = moment
        self._left = count
        self._lock = threading.Lock()
        self._caught: list[Line] = []

    @property
    def caught(self) -> int:
        """How many connections it holds, or has held."""
        return len(self._caught)

    @property
    def spent(self) -> bool:
        """Whether it will hold nothing more."""
        return self._left == 0

    @property
    def client_port(self) -> int:
        """The port by which the first held worker may be known."""
        return self._caught[0].client_port

    def catch(self, line: "Line") -> bool:
        """Whether this connection is held from now on."""
        with self._lock:
            if self._left == 0:
                return False
            self._left -= 1
            line.flow.clear()
            self._caught.append(line)
            return True

    def cut(self) -> None:
        """Hold nothing more, and reset what is held: what it was waiting for never arrives."""
        with self._lock:
            self._left = 0
        for line in self._caught:
            line.cut()

    def let_go(self) -> None:
        """Hold nothing more, and let what is held go on."""
        with self._lock:
            self._left = 0
        for line in self._caught:
            line.flow.set()


class Line:
    """One connection through the proxy, with a thread for each direction."""

    def __init__(self, proxy: "Proxy", client: socket.socket, server: socket.socket) -> None:
        self.flow = threading.Event()
        self.flow.set()
        self.over = False
        self._proxy = proxy
        self._ends = (client, server)
        self._waits_for_reply: Snare | None = None
        self.client_port: int = client.getpeername()[1]
        self._last = b""
        self._open_directions = 2
        self._lock = threading.Lock()
        for name, source, sink, tap in (
            ("request", client, server, self._request),
            ("reply", server, client, self._reply),
        ):
            threading.Thread(
                target=self._pump, args=(source, sink, tap), name=name, daemon=True
            ).start()

    @property
    def is_abandoned(self) -> bool:
        """Whether the client has closed its end, or the connection is over."""
        poll = select.poll()
        poll.register(self._ends[0], select.POLLRDHUP)
        return bool(poll.poll(0))

    def cut(self) -> None:
        """Reset both ends; what was on its way is lost."""
        self.over = True
        self.flow.set()
        for end in self._ends:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                end.shutdown(socket.SHUT_RD)

    def _pump(self, source: socket.socket, sink: socket.socket, tap: object) -> None:
        assert callable(tap)
        with suppress(OSError):
            while data := source.recv(65_536):
                tap(data)
                self._proxy.flow.wait()
                self.flow.wait()
                if self.over:
                    break
                sink.sendall(data)
        if not self.over:
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)
        self._one_direction_less()

    def _one_direction_less(self) -> None:
        with self._lock:
            self._open_directions -= 1
            if self._open_directions:
                return
        for end in self._ends:
            end.close()
        self._proxy.forget(self)

    def _request(self, data: bytes) -> None:
        seen, self._last = self._last + data, data[-100:]
        for snare in self._proxy.snares:
            if snare.pattern in seen:
                self._last = b""
                if snare.moment is not Moment.REQUEST:
                    self._waits_for_reply = snare
                else:
                    snare.catch(self)

    def _reply(self, data: bytes) -> None:
        snare = self._waits_for_reply
        if snare is None:
            return
        if snare.moment is Moment.REPLY or data.endswith(_TRANSACTION_OVER):
            self._waits_for_reply = None
            snare.catch(self)


class Proxy:
    """Listens on a port of its own, and passes on to `target` until a story says otherwise."""

    def __init__(self, server_url: str) -> None:
        place = urlsplit(server_url)
        assert place.hostname is not None
        assert place.port is not None
        self._server_url = server_url
        self._target = (place.hostname, place.port)
        self._lines: set[Line] = set()
        self._lock = threading.Lock()
        self._turns_away = False
        self.snares: list[Snare] = []
        self.flow = threading.Event()
        self.flow.set()
        self.port = 0
        self.open_door()

    @property
    def url(self) -> str:
        """The server's URL by way of this proxy."""
        host, port = self._target
        return self._server_url.replace(f"{host}:{port}", f"{HOST}:{self.port}")

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._lines)

    def snare(self, pattern: bytes, moment: Moment, *, count: int = 1) -> Snare:
        """Hold up the next `count` connections whose request contains the pattern."""
        snare = Snare(pattern, moment, count)
        self.snares = [*(earlier for earlier in self.snares if not earlier.spent), snare]
        return snare

    def open_door(self) -> None:
        """Take connections again."""
        self._listener = socket.create_server((HOST, self.port))
        self._listener.settimeout(_POLL)
        self.port = self._listener.getsockname()[1]
        self.door_is_open = True
        self._acceptor = threading.Thread(target=self._accept, name="acceptor", daemon=True)
        self._acceptor.start()

    def close_door(self) -> None:
        """Refuse connections, and reset those there are: the server is gone."""
        self.door_is_open = False
        self._acceptor.join()
        self._listener.close()
        self.cut()

    def turn_away(self) -> None:
        """Cut every connection, and each new one at once: a gateway whose server is gone."""
        self._turns_away = True
        self.cut()

    def let_in(self) -> None:
        """Pass connections on again."""
        self._turns_away = False

    def cut(self) -> None:
        """Reset every connection of this moment."""
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            line.cut()

    def cut_abandoned(self) -> None:
        """Reset the connections whose client has left; what they still carried is lost."""
        with self._lock:
            lines = [line for line in self._lines if line.is_abandoned]
        for line in lines:
            line.cut()

    def hold(self) -> None:
        """Let nothing pass, and lose nothing: the server hangs."""
        self.flow.clear()

    def let_go(self) -> None:
        """Let everything pass that waits."""
        self.flow.set()

    def swallow(self) -> None:
        """Let nothing more pass on the connections of this moment, whose ends do not learn it."""
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            line.flow.clear()

    def forget(self, line: Line) -> None:
        """The line is over."""
        with self._lock:
            self._lines.discard(line)

    def _accept(self) -> None:
        while self.door_is_open:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            if self._turns_away:
                client.close()
                continue
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._lines.add(Line(self, client, server))


@contextmanager
def proxied(server_url: str) -> Iterator[Proxy]:
    """A proxy to the server that the URL names, for as long as the block runs."""
    proxy = Proxy(server_url)
    try:
        yield proxy
    finally:
        if proxy.door_is_open:
            proxy.close_door()
        proxy.cut()
        proxy.let_go()
