"""How each fault looks to the client: the replies it gets, or what becomes of its connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from sandbox.codes import refusal
from sandbox.faults import Kind
from sandbox.replies import Reply, of_verdict, text_reply

_DRIP_EVERY = 0.2


def faulty_reply(kind: Kind, honest: Reply, retry_after: int | None) -> Reply | None:
    """The reply that the client gets whole; None if the fault is one of the connection.

    `honest` is the reply without the fault, `retry_after` the wait in seconds to ask for.
    """
    match kind:
        case Kind.CODE | Kind.QUOTE:
            return honest
        case Kind.ERROR_500_BEFORE | Kind.ERROR_500_AFTER:
            return of_verdict(refusal(1))
        case Kind.ERROR_503:
            wait = {} if retry_after is None else {"Retry-After": str(retry_after)}
            return text_reply(503, "Service Unavailable\n", wait)
        case Kind.ERROR_429:
            wait = {"Retry-After": str(1 if retry_after is None else retry_after)}
            return text_reply(429, "Too Many Requests\n", wait)
        case Kind.ERROR_429_DATE:
            wait = {"Retry-After": _date_in(1 if retry_after is None else retry_after)}
            return text_reply(429, "Too Many Requests\n", wait)
        case Kind.GARBAGE:
            return Reply(200, b"<html><body>It works!</body></html>\n", "text/html")
        case Kind.REDIRECT:
            return text_reply(302, "Found\n", {"Location": "/"})
        case _:
            return None


async def break_connection(kind: Kind, honest: Reply, transport: asyncio.Transport) -> None:
    """Do to the connection what the fault says; it is of no use afterwards."""
    wire = honest.wire()
    match kind:
        case Kind.RESET_BEFORE | Kind.RESET_AFTER:
            _reset(transport)
        case Kind.HANG_BEFORE | Kind.HANG_AFTER:
            # The client's leaving cancels this.
            await asyncio.Event().wait()
        case Kind.CUT_REPLY:
            transport.write(wire[: -len(honest.body) // 2])
        case Kind.CUT_HEADERS:
            transport.write(wire[: wire.index(b"Content-Length") + 9])
        case Kind.DRIP:
            await _drip(wire, transport)
    # DROP_BEFORE and DROP_AFTER say nothing at all.
    transport.close()


def _date_in(seconds: int) -> str:
    # Dates know no fractions: rounded down, a date would come before the wait is over.
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    return format_datetime(now + timedelta(seconds=seconds), usegmt=True)


def _reset(transport: asyncio.Transport) -> None:
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _drip(wire: bytes, transport: asyncio.Transport) -> None:
    for byte in wire:
        transport.write(bytes([byte]))
        await asyncio.sleep(_DRIP_EVERY)
