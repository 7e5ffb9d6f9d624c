"""Lines that are cut at their deadline, whatever their reader waits for."""

import heapq
import itertools
import math
import os
import socket
import threading
import time
from contextlib import suppress

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """Seconds that go on while the machine sleeps, where it has such a clock."""
    return time.clock_gettime(_CLOCK)


class Line:
    """One use of a connection, which may be cut under its reader until `end`.

    `deadline` on `clock()` is the last moment for the whole of it.
    """

    __slots__ = ("_lock", "_socket", "cut", "deadline", "ended")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.cut = False
        self.ended = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def hold(self, descriptor: int) -> None:
        """Cut this connection when the deadline has come."""
        with self._lock:
            self._hold(descriptor)

    def cut_off(self) -> None:
        """End the connection under its reader; nothing where its use has ended."""
        with self._lock:
            if self.ended:
                return
            self.cut = True
            if self._socket is not None:
                with suppress(OSError):  # the peer was faster: it is closed already
                    self._socket.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """From here on the connection may serve another."""
        with self._lock:
            self.ended = True
            self._let_go()

    def _hold(self, descriptor: int) -> None:
        """Keep a handle of our own: TLS wraps the socket, and takes the one that it wrapped away.

        To shut a TLS socket down by its own method would drop the TLS object under the reader.
        """
        self._let_go()
        self._socket = socket.socket(fileno=os.dup(descriptor))

    def _let_go(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


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
