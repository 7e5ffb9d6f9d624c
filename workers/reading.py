"""Reading one reply off a connection: the usual one at once, and any other by http.client.

To read a reply of 200 that comes in one piece is a third of what http.client takes for it, whose
headers are those of mail. Whatever is not that very form is http.client's, from the first byte on.
"""

import io
import re
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, HTTPResponse, IncompleteRead
from typing import Any

_MOST_REPLY_BYTES = 4_000_000
_MOST_INTERIM_REPLIES = 100
AT_ONCE = 16_384

_USUAL_HEAD = re.compile(rb"HTTP/1\.1 200 [^\r\n]*\r\n((?:[!-9;-~]+:[^\r\n]*\r\n)*)\r\n")
_DECISIVE = re.compile(
    rb"^(content-length|transfer-encoding|connection|retry-after):(.*)\r$",
    re.IGNORECASE | re.MULTILINE,
)
"""The headers that anybody here looks at."""
_LENGTH = re.compile(rb"\d{1,7}")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,6})\r\n")
_CHUNKED = (b"transfer-encoding", b"chunked")
_NO_HEADERS = HTTPMessage()


class NoReply(HTTPException):
    """What came is no reply that has an end; the text is ours, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete reply; of headers it has those that tell more than how long it is.

    `is_last` says that nothing else can come on its connection.
    """

    status: int
    headers: HTTPMessage
    body: bytes = field(repr=False)
    is_last: bool


def read_from(sock: Any) -> Reply:
    """The next final reply. Raises HTTPException where none comes whole, and OSError."""
    return read_on(sock, _received(sock))


def read_on(sock: Any, begun: bytes) -> Reply:
    """The same where these bytes of it were read already."""
    return usual(begun) or _unusual(sock, begun)


def usual(begun: bytes) -> Reply | None:
    """The reply, where it is of the usual form and all of it is there."""
    head = _USUAL_HEAD.match(begun)
    said = None if head is None else _said(head[1])
    if head is None or said is None:
        return None
    found = _chunks(begun, head.end()) if said == _CHUNKED else _as_long(begun, head.end(), said)
    if found is None:
        return None
    body, end = found
    return Reply(HTTPStatus.OK, _NO_HEADERS, body, is_last=len(begun) > end)


def _received(sock: Any) -> bytes:
    """What has come, nothing at its end; TLS in a tunnel says 0 then."""
    return sock.recv(AT_ONCE) or b""


def _said(headers: bytes) -> tuple[bytes, bytes] | None:
    """What is said of the body's end, where nothing else is said of it or of the connection."""
    said = [(name.lower(), value.strip(b" \t")) for name, value in _DECISIVE.findall(headers)]
    if len(said) != 1:
        said = [each for each in said if each != (b"connection", b"keep-alive")]
    return said[0] if len(said) == 1 else None


def _as_long(begun: bytes, start: int, said: tuple[bytes, bytes]) -> tuple[bytes, int] | None:
    """The body that begins there and is as long as it was said to be, and where it ends."""
    name, length = said
    if name != b"content-length" or not _LENGTH.fullmatch(length):
        return None
    end = start + int(length)
    return (begun[start:end], end) if end <= len(begun) else None


def _chunks(begun: bytes, start: int) -> tuple[bytes, int] | None:
    """The body of the chunks that begin there, and where they end, nothing said but their sizes."""
    body = b""
    while size := _CHUNK.match(begun, start):
        ends = size.end() + int(size[1], 16)
        start = ends + len(b"\r\n")
        if begun[ends:start] != b"\r\n":
            return None
        if ends == size.end():
            return body, start
        body += begun[size.end() : ends]
    return None


def _unusual(sock: Any, begun: bytes) -> Reply:
    """What begins so, as http.client reads it."""
    with closing(HTTPResponse(_Begun(sock, begun), method="POST")) as response:  # type: ignore[arg-type]
        _begin(response)
        body = _body(response)
    is_last = response.will_close or response.status < 200
    return Reply(response.status, response.headers, body, is_last)


def _begin(response: HTTPResponse) -> None:
    """Read the head of the final reply; those before it, such as 103, only inform.

    Raises HTTPException where none of them is the final one.
    """
    for _ in range(_MOST_INTERIM_REPLIES):
        response.headers = None  # type: ignore[assignment] # it would not read another head
        response.begin()
        if response.status == HTTPStatus.SWITCHING_PROTOCOLS or response.status >= 200:
            return
    raise NoReply(f"{_MOST_INTERIM_REPLIES} replies announce another one")


def _body(response: HTTPResponse) -> bytes:
    """The reply's whole body. Raises HTTPException where it is cut short, or has no end."""
    body = bytearray()
    while part := response.read(65_536):
        body += part
        if len(body) > _MOST_REPLY_BYTES:
            raise NoReply(f"the reply is longer than {_MOST_REPLY_BYTES} bytes")
    if response.length:
        raise IncompleteRead(bytes(body), response.length)
    return bytes(body)


class _Begun(io.RawIOBase):
    """A connection of which these bytes were read already, for whoever makes a file of it."""

    def __init__(self, sock: Any, begun: bytes) -> None:
        self._sock = sock
        self._begun = begun

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._begun:
            return int(self._sock.recv_into(buffer))
        part, self._begun = self._begun[: len(buffer)], self._begun[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)
