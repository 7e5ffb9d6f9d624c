"""A TCP server that does with each connection exactly what a test's script says."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_DRIP_EVERY = 0.05


class Gone(Exception):
    """The client has closed the connection, or the test is over."""


@dataclass
class Peer:
    """The server's side of one connection; `received` is every byte that has come so far."""

    sock: socket.socket
    over: threading.Event
    received: bytearray = field(default_factory=bytearray)
    _taken: int = 0

    def read_head(self) -> bytes:
        """The next request's line and headers."""
        while (end := self.received.find(b"\r\n\r\n", self._taken)) < 0:
            self._receive()
        head = bytes(self.received[self._taken : end + 4])
        self._taken = end + 4
        return head

    def read_request(self) -> tuple[bytes, bytes]:
        """The next request: its head and its whole body."""
        head = self.read_head()
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )
        while len(self.received) - self._taken < length:
            self._receive()
        body = bytes(self.received[self._taken : self._taken + length])
        self._taken += length
        return head, body

    def send(self, data: bytes) -> None:
        """Send all of it."""
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Gone from error

    def drip(self, data: bytes) -> None:
        """Send it byte by byte, slowly."""
        for byte in data:
            self.send(bytes([byte]))
            if self.over.wait(_DRIP_EVERY):
                raise Gone

    def hang(self) -> None:
        """Say nothing until the test is over."""
        self.over.wait()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def secure(self, context: ssl.SSLContext) -> None:
        """Speak TLS from here on."""
        try:
            self.sock = context.wrap_socket(self.sock, server_side=True)
        except OSError as error:
            raise Gone from error

    def _receive(self) -> None:
        try:
            data = self.sock.recv(65_536)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        self.received += data


Script = Callable[[Peer], None]


class ScriptedServer:
    """Runs one script for every connection; `peers` are the connections so far."""

    def __init__(self, script: Script) -> None:
        self.peers: list[Peer] = []
        self._script = script
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The endpoint, over plain HTTP."""
        return f"http://127.0.0.1:{self.port}/api/v1/push/send"

    @property
    def received(self) -> bytes:
        """Every byte that has come on any connection."""
        return b"".join(bytes(peer.received) for peer in self.peers)

    def close(self) -> None:
        """End every connection and wait for the scripts."""
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for peer in list(self.peers):
            with suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)
            assert not thread.is_alive()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            peer = Peer(sock, self._over)
            self.peers.append(peer)
            self._threads.append(threading.Thread(target=self._serve, args=(peer,)))
            self._threads[-1].start()

    def _serve(self, peer: Peer) -> None:
        with suppress(Gone):
            self._script(peer)
        with suppress(OSError):
            peer.sock.shutdown(socket.SHUT_WR)
        peer.sock.close()


@contextmanager
def serving(script: Script) -> Iterator[ScriptedServer]:
    """A server that runs this script for every connection."""
    server = ScriptedServer(script)
    try:
        yield server
    finally:
        server.close()


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole reply."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def replying(*replies: bytes) -> Script:
    """A script that answers each request of a connection with the next of these, then closes."""

    def script(peer: Peer) -> None:
        for reply in replies:
            peer.read_request()
            peer.send(reply)

    return script
