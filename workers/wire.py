"""One thread that waits for what comes on many connections, so that their slots need not.

A thread for each request that is on the wire costs switches: woken, it waits for the interpreter
once more after each call to the system.
"""

import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

Step = Callable[[], None]
"""Something short that waits for nothing and raises nothing."""

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

log = logging.getLogger("dispatcher.worker")


class Wire:
    """Calls whoever has something to read or to write; all of it in one thread, until `close`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._steps: deque[Step] = deque()
        self._ear, self._bell = socket.socketpair()
        self._ear.setblocking(False)
        self._bell.setblocking(False)
        self._has_rung = False
        self._closing = False
        self._selector.register(self._ear, READ, self._hear)
        threading.Thread(target=self._run, name="wire", daemon=True).start()

    def call(self, step: Step) -> None:
        """Have a step taken in this thread; any thread may ask for it."""
        self._steps.append(step)
        if not self._has_rung:
            self._has_rung = True
            with suppress(OSError):  # it has enough to hear already, or has ended
                self._bell.send(b"\0")

    def watch(self, sock: socket.socket, events: int, step: Step) -> None:
        """Take this step whenever one of the events is there; in the wire's thread only."""
        try:
            self._selector.modify(sock, events, step)
        except KeyError:
            self._selector.register(sock, events, step)

    def leave(self, sock: socket.socket) -> None:
        """Look at it no more; in the wire's thread only."""
        with suppress(KeyError, ValueError):  # it is not looked at, or is closed
            self._selector.unregister(sock)

    def close(self) -> None:
        """End with the present round; nobody's request may be on the wire."""
        self._closing = True
        self.call(lambda: None)

    def _run(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                self._take(key.data)
            self._has_rung = False
            for _ in range(len(self._steps)):
                self._take(self._steps.popleft())
        self._selector.close()
        self._ear.close()
        self._bell.close()

    def _take(self, step: Step) -> None:
        try:
            step()
        except Exception:
            log.exception("a step on the wire failed")

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            self._ear.recv(4096)
