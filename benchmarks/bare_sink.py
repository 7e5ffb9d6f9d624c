"""`python -m benchmarks.bare_sink PORT LOG LATENCY`: accepts every request after the latency."""

import asyncio
import re
import signal
import sys
import time
from pathlib import Path

from benchmarks.programs import HOST
from benchmarks.sinks import REPLY

_ANSWER = (
    f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(REPLY)}\r\n\r\n"
    f"{REPLY}"
).encode()
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

Times = list[tuple[float, float]]


class Connection(asyncio.Protocol):
    """One client's requests, one after another; bodies are counted and dropped."""

    def __init__(self, latency: float, times: Times) -> None:
        self._latency = latency
        self._times = times
        self._head = b""
        self._missing = 0
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._begin(data)
        if self._missing <= 0 and not self._head:
            asyncio.get_running_loop().call_later(self._latency, self._answer)

    def _begin(self, data: bytes) -> None:
        """Read the head, which may come in several pieces."""
        if not self._head:
            self._began = time.time()
        head, end, body = (self._head + data).partition(b"\r\n\r\n")
        if not end:
            self._head = head
            return
        self._head = b""
        length = _LENGTH.search(head)
        self._missing = (int(length[1]) if length else 0) - len(body)
        if b"expect: 100-continue" in head.lower():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer(self) -> None:
        self._missing = 0
        self._transport.write(_ANSWER)
        self._times.append((self._began, time.time()))


async def _serve(port: int, latency: float, times: Times) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: Connection(latency, times), HOST, port, backlog=1024)
    await stop.wait()
    server.close()


def main(port: int, log: Path, latency: float) -> None:
    """Serve until SIGTERM, then write down when each request came and how long it took."""
    times: Times = []
    try:
        asyncio.run(_serve(port, latency, times))
    finally:
        log.write_text("".join(f"{end:.6f} {end - began:.6f}\n" for began, end in times))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
