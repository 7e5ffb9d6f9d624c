"""A way to a server that a test can close and open again."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_LOOK = 0.05


class Road:
    """Forwards connections to a server, while it is open."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._open = True
        self._over = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it begins on 127.0.0.1."""
        port: int = self._listener.getsockname()[1]
        return port

    def shut(self) -> None:
        """Cut every connection, and each new one at once."""
        self._open = False

    def reopen(self) -> None:
        """Let connections through again."""
        self._open = True

    def close(self) -> None:
        """End the road."""
        self._over = True
        self._thread.join()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._over:
                for key, _ in selector.select(_LOOK):
                    assert isinstance(key.fileobj, socket.socket)
                    self._serve(selector, key.fileobj)
                if not self._open or self._over:
                    for end in list(self._pairs):
                        self._cut(selector, end)

    def _serve(self, selector: selectors.BaseSelector, source: socket.socket) -> None:
        if source is self._listener:
            near, _ = self._listener.accept()
            if not self._open:
                return near.close()
            far = socket.create_connection(self._target)
            self._pairs |= {near: far, far: near}
            selector.register(near, selectors.EVENT_READ)
            selector.register(far, selectors.EVENT_READ)
        elif source in self._pairs:
            data = b""
            with suppress(OSError):
                data = source.recv(65_536)
                if data and self._open:
                    return self._pairs[source].sendall(data)
            self._cut(selector, source)
        return None

    def _cut(self, selector: selectors.BaseSelector, end: socket.socket) -> None:
        if end in self._pairs:
            other = self._pairs.pop(end)
            del self._pairs[other]
            for one in (end, other):
                selector.unregister(one)
                one.close()


@contextmanager
def road_to(host: str, port: int) -> Iterator[Road]:
    """An open road, which ends with the block."""
    road = Road(host, port)
    try:
        yield road
    finally:
        road.close()
