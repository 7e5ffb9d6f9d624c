"""The sandbox's own endpoints under /sandbox: ledger, journal, faults."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from sandbox.audience import problems
from sandbox.behaviour import Behaviour, changed
from sandbox.faults import Fault, Faults, parse
from sandbox.journal import Journal
from sandbox.replies import Reply, json_reply
from sandbox.vendor import Vendor, count, message_of


class Control:
    """Shows the books and changes the behaviour while the sandbox runs.

    Its verbs raise ValueError, in one sentence, where a request makes no sense.
    """

    def __init__(self, vendor: Vendor, behaviour: Behaviour, seed: int) -> None:
        self.vendor = vendor
        self.behaviour = behaviour
        self.faults = Faults(seed)
        self.journal = Journal()

    async def show_ledger(self, _request: web.BaseRequest) -> Reply:
        """GET /sandbox/ledger"""
        return json_reply(200, self.vendor.ledger.document())

    async def reset(self, _request: web.BaseRequest) -> Reply:
        """DELETE /sandbox/ledger: empty books; which pack_ids are refused stays as it is."""
        self.vendor.ledger.reset()
        self.journal.reset()
        return json_reply(200, self.vendor.ledger.document())

    async def show_device(self, request: web.BaseRequest) -> Reply:
        """GET /sandbox/ledger/devices?token=..."""
        member: dict[str, Any] = dict(request.query)
        if "devtodevId" in member:
            member["devtodevId"] = _number(member["devtodevId"])
        (pushes,) = self._count([member])
        return json_reply(200, {"pushes": pushes})

    async def show_devices(self, request: web.BaseRequest) -> Reply:
        """POST /sandbox/ledger/devices with a list of members"""
        members = await _json(request)
        if not isinstance(members, list):
            raise ValueError("the body is a list of members")
        return json_reply(200, {"pushes": self._count(members)})

    async def show_messages(self, request: web.BaseRequest) -> Reply:
        """POST /sandbox/ledger/messages with a list of members"""
        members = await _json(request)
        if not isinstance(members, list):
            raise ValueError("the body is a list of members")
        _check(members)
        found = [message_of(self.vendor.ledger, member) for member in members]
        return json_reply(200, {"messages": found})

    def _count(self, members: list[Any]) -> list[int]:
        _check(members)
        return [count(self.vendor.ledger, member) for member in members]

    async def show_requests(self, request: web.BaseRequest) -> Reply:
        """GET /sandbox/requests?since=N"""
        since = request.query.get("since", "0")
        if not (since.isascii() and since.isdigit()):
            raise ValueError(f"since is the number of a request, not {since!r}")
        return json_reply(200, self.journal.page(int(since)))

    async def show_faults(self, _request: web.BaseRequest) -> Reply:
        """GET /sandbox/faults"""
        script = [{"fault": fault and fault.name} for fault in self.faults.script]
        return json_reply(200, {**self.behaviour.document(), "next": script})

    async def change_faults(self, request: web.BaseRequest) -> Reply:
        """PUT /sandbox/faults: the fields that the body names change, all or none of them."""
        document = await _json(request)
        if not isinstance(document, dict):
            raise ValueError("the body is an object")
        script = _script(document.pop("next")) if "next" in document else None
        self.behaviour = changed(self.behaviour, document)
        if script is not None:
            self.faults.follow(script)
        return await self.show_faults(request)


def _check(members: list[Any]) -> None:
    wrong = next(problems(members), None)
    if wrong is not None:
        raise ValueError(wrong.msg)


async def _json(request: web.BaseRequest) -> Any:
    try:
        return orjson.loads(await request.content.read())
    except orjson.JSONDecodeError as error:
        raise ValueError(f"the body is no JSON: {error}") from error


def _number(text: str) -> int | float:
    try:
        return int(text) if text.isdecimal() else float(text)
    except ValueError as error:
        raise ValueError(f"devtodevId is a number, not {text!r}") from error


def _script(value: Any) -> list[Fault | None]:
    if not isinstance(value, list) or not all(
        isinstance(step, dict) and step.keys() == {"fault"} for step in value
    ):
        raise ValueError('next is a list of objects like {"fault": "drop_after"}')
    return [None if step["fault"] is None else parse(step["fault"]) for step in value]
