"""The sandbox over HTTP: the vendor's endpoint, and the control endpoints beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from sandbox.behaviour import Behaviour
from sandbox.codes import Refusal
from sandbox.contract import Document, read
from sandbox.control import Control
from sandbox.failing import break_connection, faulty_reply
from sandbox.faults import Fault
from sandbox.journal import Entry
from sandbox.replies import Reply, json_reply, of_verdict, text_reply
from sandbox.vendor import Accepted, Verdict, as_if_refused

ENDPOINT: Final = "/api/v1/push/send"

_VERDICTS: Final = {Accepted: "accepted", Refusal: "refused", type(None): "unprocessed"}

Endpoint = Callable[[web.BaseRequest], Awaitable[Reply]]


class Site:
    """Answers every request that reaches the sandbox."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._routes: dict[tuple[str, str], Endpoint] = {
            ("GET", "/"): _describe,
            ("GET", "/sandbox"): _describe,
            ("GET", "/sandbox/ledger"): control.show_ledger,
            ("DELETE", "/sandbox/ledger"): control.reset,
            ("GET", "/sandbox/ledger/devices"): control.show_device,
            ("POST", "/sandbox/ledger/devices"): control.show_devices,
            ("POST", "/sandbox/ledger/messages"): control.show_messages,
            ("GET", "/sandbox/requests"): control.show_requests,
            ("GET", "/sandbox/faults"): control.show_faults,
            ("PUT", "/sandbox/faults"): control.change_faults,
        }

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; a push whose fault breaks its connection gets an answer unsent."""
        if (request.method, request.path) == ("POST", ENDPOINT):
            return await self._push(request)
        endpoint = self._routes.get((request.method, request.path), _nothing_here)
        try:
            return _response(await endpoint(request))
        except ValueError as error:
            return _response(json_reply(400, {"error": str(error)}))

    async def _push(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        behaviour = self._control.behaviour
        fault = self._control.faults.draw(behaviour.probabilities)
        verdict, entry = self._judge(body, request.query.get("user_token"), fault)
        try:
            return await self._reply(request, of_verdict(verdict), fault, behaviour)
        finally:
            entry.ended = time.monotonic()

    async def _reply(
        self, request: web.BaseRequest, honest: Reply, fault: Fault | None, behaviour: Behaviour
    ) -> web.StreamResponse:
        if behaviour.latency:
            await asyncio.sleep(behaviour.latency)
        reply = honest
        if fault is not None:
            faulty = faulty_reply(fault.kind, honest, behaviour.retry_after)
            if faulty is None:
                if request.transport is not None:
                    await break_connection(fault.kind, honest, request.transport)
                return web.Response()
            reply = faulty
        return _response(reply)

    def _judge(
        self, body: bytes, query_token: str | None, fault: Fault | None
    ) -> tuple[Verdict, Entry]:
        """Process the request, unless its fault comes first, and write it down."""
        now = time.monotonic()
        document = read(body)
        if processed := fault is None or fault.kind.processed:
            verdict = self._control.vendor.push(document, query_token, self._control.behaviour, now)
        else:
            verdict = as_if_refused(fault, document, query_token)
        entry = self._write_down(now, body, document, verdict if processed else None, fault)
        return verdict, entry

    def _write_down(
        self,
        now: float,
        body: bytes,
        document: Document | Refusal,
        verdict: Verdict | None,
        fault: Fault | None,
    ) -> Entry:
        self._control.vendor.ledger.requests += 1
        if fault is not None:
            self._control.vendor.ledger.faults[fault.name] += 1
        return self._control.journal.add(
            monotonic=now,
            wall=time.time(),
            pack_id=None if isinstance(document, Refusal) else document.get("pack_id"),
            size=len(body),
            verdict=_VERDICTS[type(verdict)],
            code=verdict.code if isinstance(verdict, Refusal) else None,
            fault=fault.name if fault else None,
            numbers=verdict.numbers if isinstance(verdict, Accepted) else None,
        )


async def _describe(_request: web.BaseRequest) -> Reply:
    return text_reply(200, f"Push API sandbox: POST {ENDPOINT}; what came is at /sandbox/ledger\n")


async def _nothing_here(_request: web.BaseRequest) -> Reply:
    return text_reply(404, "Not Found\n")


def _response(reply: Reply) -> web.Response:
    return web.Response(
        status=reply.status,
        body=reply.body,
        content_type=reply.content_type,
        headers=reply.headers,
    )
