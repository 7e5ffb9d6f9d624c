"""The vendor's replies as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

import orjson

from sandbox.codes import Refusal
from sandbox.vendor import Accepted, Verdict


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply, whole."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def wire(self) -> bytes:
        """The reply as it goes over the connection, for those who break it on the way."""
        head = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            "Connection: close",
        ]
        return "\r\n".join([*head, "", ""]).encode() + self.body


def json_reply(status: int, document: Any) -> Reply:
    """A reply with a JSON body."""
    return Reply(status, orjson.dumps(document))


def text_reply(status: int, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply in plain words, as gateways give them."""
    return Reply(status, text.encode(), "text/plain", headers or {})


def of_verdict(verdict: Verdict) -> Reply:
    """The reply that the vendor's documentation gives to a verdict."""
    match verdict:
        case Accepted():
            result = {"status": "complete", "result": asdict(verdict)}
            return json_reply(200, {"status_code": 200, "data": result})
        case Refusal(status, code, msg):
            errors = [{"code": code, "msg": msg}]
            return json_reply(status, {"status_code": status, "errors": errors})
