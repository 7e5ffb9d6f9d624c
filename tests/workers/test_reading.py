"""Replies as they are read off a connection: the short way says what http.client says."""

import socket
from contextlib import closing
from http.client import HTTPException, HTTPResponse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import reading
from workers.reading import Reply, read_from

USUAL = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n"
STARTS = (b"HTTP/1.1 200 OK", b"HTTP/1.1 200 ", b"HTTP/1.1 200", b"HTTP/1.0 200 OK", b"200 OK")
HEADERS = (
    b"Content-Length: 4",
    b"content-length:4 ",
    b"Content-Length: +4",
    b"Content-Length: 4, 4",
    b"Content-Length: -4",
    b"Content-Length : 4",
    b"Content-Length: 2",
    b"Content-Length: 99",
    b" Content-Length: 4",
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"Connection: Keep-Alive, close",
    b"Connection: keep-alive",
    b"Retry-After: 7",
    b"Date: Thu, 01 Jan 2026 00:00:00 GMT",
    b"X: Content-Length: 2",
    b"X: \rContent-Length: 2",
    b"X: \x0bContent-Length: 2",
    b"Nonsense",
    b"",
)
BODIES = (
    b"",
    b"body",
    b"bodybody",
    b"4\r\nbody\r\n0\r\n\r\n",
    b"2\r\nbo\r\n02\r\ndy\r\n000\r\n\r\n",
    b"4;name=value\r\nbody\r\n0\r\n\r\n",
    b"4\r\nbody\r\n0\r\nTrailer: x\r\n\r\n",
    b"4\r\nbodybody\r\n0\r\n\r\n",
    b"4\nbody\n0\n\n",
    b"-4\r\nbody\r\n0\r\n\r\n",
    b"4\r\nbody\r\n",
)
Said = tuple[int, bytes, bool] | type[HTTPException]


def read(*parts: bytes) -> Reply:
    """What is read of a reply that comes in these parts and ends with its connection."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            for part in parts:
                theirs.sendall(part)
        return read_from(ours)


def said(raw: bytes) -> Said:
    """What is read of it, as far as http.client tells the same."""
    try:
        reply = read(raw)
    except HTTPException as error:
        return type(error)
    return reply.status, reply.body, "Retry-After" in reply.headers


def said_by_http_client(raw: bytes) -> Said:
    """What http.client reads of it."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(raw)
        try:
            with closing(HTTPResponse(ours, method="POST")) as response:
                response.begin()
                return response.status, response.read(), "Retry-After" in response.headers
        except HTTPException as error:
            return type(error)


@given(
    st.sampled_from(STARTS),
    st.lists(st.sampled_from(HEADERS), max_size=4),
    st.sampled_from(BODIES),
    st.sampled_from((b"\r\n", b"\r\n", b"\r\n", b"\n")),
)
def test_what_is_read_is_what_http_client_reads(
    start: bytes, headers: list[bytes], body: bytes, end: bytes
) -> None:
    raw = end.join([start, *headers, b"", b""]) + body
    assert said(raw) == said_by_http_client(raw)


@pytest.mark.parametrize("cut", [1, 20, len(USUAL) - 1, len(USUAL), len(USUAL) + 2])
def test_a_reply_in_pieces_is_read_whole(cut: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "AT_ONCE", cut)
    assert read(USUAL + b"body").body == b"body"


def test_a_large_reply_is_read_whole() -> None:
    body = b"x" * 100_000
    assert read(USUAL.replace(b": 4", b": 100000"), body).body == body


@pytest.mark.parametrize(
    ("raw", "is_last"),
    [
        (USUAL + b"body", False),
        (USUAL.replace(b"\r\n", b"\r\nConnection: keep-alive\r\n", 1) + b"body", False),
        (USUAL.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + b"body", True),
        (USUAL + b"body" + USUAL, True),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", True),
    ],
)
def test_a_connection_is_kept_where_nothing_can_come_on_it_any_more(
    raw: bytes, is_last: bool
) -> None:
    assert read(raw).is_last is is_last
