"""Lines that are cut at their deadline, whatever their reader waits for."""

import heapq
import itertools
import math
import os
import socket
import threading
import time
import weakref
from contextlib import suppress

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Seconds that go on while the machine sleeps, where it has such a clock."""
    return time.clock_gettime(_CLOCK)


class Handle:
    """A handle of our own on a connection; it is let go with the last who holds it.

    TLS wraps the socket, and takes the one that it wrapped away; to shut a TLS socket down by its
    own method would drop the TLS object under the reader.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=os.dup(descriptor))
        weakref.finalize(self, self._socket.close)

    def cut(self) -> None:
        """End the connection under its reader."""
        with suppress(OSError):  # the peer was faster: it is closed already
            self._socket.shutdown(socket.SHUT_RDWR)


class Line:
    """One use of a connection, which may be cut under its reader until `end`.

    `deadline` on `clock()` is the last moment for the whole of it.
    """

    __slots__ = ("_handle", "_lock", "cut", "deadline", "ended")

    def __init__(self, deadline: float, handle: Handle | None = None) -> None:
        self.deadline = deadline
        self.cut = False
        self.ended = False
        self._lock = threading.Lock()
        self._handle = handle

    def hold(self, handle: Handle) -> None:
        """Cut this connection when the deadline has come, or at once where it has."""
        with self._lock:
            self._handle = handle
            if self.cut:
                handle.cut()

    def cut_off(self) -> None:
        """End the connection under its reader; nothing where its use has ended."""
        with self._lock:
            if self.ended:
                return
            self.cut = True
            if self._handle is not None:
                self._handle.cut()

    def end(self) -> None:
        """From here on the connection may serve another."""
        with self._lock:
            self.ended = True
            self._handle = None


class Watchdog:
    """Cuts off every line whose deadline has come: one thread for all."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._due: list[tuple[float, int, Line]] = []
        self._order = itertools.count()
        self._wakes_at = math.inf
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def watch(self, line: Line) -> None:
        """Cut the line off at its deadline, unless it has ended."""
        with self._condition:
            while self._due and self._due[0][2].ended:
                heapq.heappop(self._due)
            heapq.heappush(self._due, (line.deadline, next(self._order), line))
            if line.deadline < self._wakes_at:
                self._condition.notify()

    def _run(self) -> None:
        while True:
            self._next().cut_off()

    def _next(self) -> Line:
        with self._condition:
            while True:
                self._wakes_at = self._due[0][0] if self._due else math.inf
                wait = self._wakes_at - clock()
                if wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._condition.wait(wait if self._due else None)
