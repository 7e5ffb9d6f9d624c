"""Two ways to post a body in asyncio: bytes on a connection of one's own, and aiohttp."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

import aiohttp

from benchmarks.programs import HOST

Post = Callable[[bytes], Awaitable[None]]
"""Returns once the body is accepted; one at a time."""

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class _Connection(asyncio.Protocol):
    """One connection that posts one body after another; only replies of status 200 count."""

    def __init__(self) -> None:
        self._reply = b""
        self._answered: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def post(self, head: bytes, body: bytes) -> "asyncio.Future[None]":
        self._reply = b""
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.writelines([head % len(body), body])
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._reply += data
        head, end, body = self._reply.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if end and length and len(body) >= int(length[1]) and self._answered:
            assert head.startswith(b"HTTP/1.1 200"), head
            self._answered.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answered and not self._answered.done():
            self._answered.set_exception(error or ConnectionError("the sink hung up"))


@asynccontextmanager
async def _raw(url: str) -> AsyncIterator[Post]:
    address = urlsplit(url)
    head = (
        f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    ).encode()
    _, connection = await asyncio.get_running_loop().create_connection(
        _Connection, address.hostname or HOST, address.port or 80
    )
    try:
        yield lambda body: connection.post(head, body)
    finally:
        connection.transport.close()


@asynccontextmanager
async def _aiohttp(url: str) -> AsyncIterator[Post]:
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def post(body: bytes) -> None:
            async with session.post(url, data=body) as reply:
                reply.raise_for_status()
                await reply.read()

        yield post


CLIENTS: dict[str, Callable[[str], AbstractAsyncContextManager[Post]]] = {
    "bytes": _raw,
    "aiohttp": _aiohttp,
}
