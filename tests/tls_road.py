"""TLS before a server that speaks none: what a client tells it in clear is known afterwards."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from tests.certificates import Certificate

_POLL = 0.05


class TlsRoad:
    """Takes TLS connections on 127.0.0.1 and passes on what is in them."""

    def __init__(self, server_url: str, certificate: Certificate) -> None:
        self.heard = bytearray()
        self._server = urlsplit(server_url)
        self._context = certificate.context()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_POLL)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def url(self, scheme: str, host: str = "localhost", options: str = "") -> str:
        """The server's URL by way of this road; `options` stand behind the question mark."""
        login = self._server.netloc.rpartition("@")[0]
        query = f"?{options}" if options else ""
        return f"{scheme}://{login}@{host}:{self.port}{self._server.path}{query}"

    def close(self) -> None:
        """End every connection."""
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=20)
            assert not thread.is_alive()
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        """One connection; who refuses the certificate ends it."""
        client.settimeout(10)
        with suppress(OSError), client, self._context.wrap_socket(client, server_side=True) as ours:
            address = (self._server.hostname or "", self._server.port or 0)
            with socket.create_connection(address) as theirs:
                self._pass_on(ours, theirs)

    def _pass_on(self, ours: ssl.SSLSocket, theirs: socket.socket) -> None:
        while not self._over.is_set():
            ready = [ours] if ours.pending() else select.select([ours, theirs], [], [], _POLL)[0]
            for end in ready:
                data = end.recv(65_536)
                if not data:
                    return
                if end is ours:
                    self.heard += data
                (theirs if end is ours else ours).sendall(data)


@contextmanager
def tls_before(server_url: str, certificate: Certificate) -> Iterator[TlsRoad]:
    """A road to the server that the URL names, for as long as the block runs."""
    road = TlsRoad(server_url, certificate)
    try:
        yield road
    finally:
        road.close()
