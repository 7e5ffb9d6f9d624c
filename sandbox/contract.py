"""PURE: what the vendor's documentation makes of a request. No clock, no memory, no network."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any, Final

import orjson

from sandbox import audience
from sandbox.audience import LONGEST_AUDIENCE, Member
from sandbox.codes import Refusal, quoted, refusal
from sandbox.message import PLATFORMS, oversize
from sandbox.rules import Rule, fields, invalid, of, string

Document = dict[str, Any]


def _members(path: str, value: Any) -> Iterator[Refusal]:
    yield from of("an array", list)(path, value)
    yield from audience.problems(value)


_TEXTS: Final[dict[str, Rule]] = dict.fromkeys(
    ("user_token", "app_id", "campaign_tag", "pack_id"), string
)
_REQUEST: Final = fields({**_TEXTS, **PLATFORMS, "audience": _members})


@dataclass(frozen=True, slots=True)
class Account:
    """Who may call: the user tokens that are right, and the applications that exist."""

    tokens: frozenset[str]
    app_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Push:
    """A request in good form; its platforms in the order in which the body names them.

    `message` are the objects of these.
    """

    pack_id: str | None
    platforms: tuple[str, ...]
    audience: list[Member]
    message: Document


def read(body: bytes) -> Document | Refusal:
    """The body's JSON object, or why it is none (codes 2 and 3)."""
    if not body.strip():
        return refusal(2)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return refusal(3)
    return document if isinstance(document, dict) else refusal(3)


def check(
    document: Document, query_token: str | None, account: Account, conditions: Set[int]
) -> Push | Refusal:
    """The push that the request asks for, or the first thing that is wrong with it.

    `query_token` is the user_token of the URL's query, which comes before the body's;
    `conditions` are the codes of what is set up wrongly at the vendor (13, 15, 23 to 26).
    """
    found = _problems(document, query_token, account, conditions)
    return next(found, None) or Push(
        pack_id=document.get("pack_id"),
        platforms=tuple(name for name in document if name in PLATFORMS),
        audience=document["audience"],
        message={name: value for name, value in document.items() if name in PLATFORMS},
    )


def _problems(
    document: Document, query_token: str | None, account: Account, conditions: Set[int]
) -> Iterator[Refusal]:
    token = query_token if query_token is not None else document.get("user_token")
    yield from _caller(token, account, conditions)
    yield from _application(document, account, conditions)
    yield from _REQUEST("", document)
    yield from _completeness(document)
    yield from _sizes(document)


def _caller(token: object, account: Account, conditions: Set[int]) -> Iterator[Refusal]:
    if token is None or token == "":
        yield refusal(12)
    elif not isinstance(token, str) or token not in account.tokens:
        yield refusal(11, token=token if isinstance(token, str) else quoted(token))
    yield from (refusal(code) for code in (15, 23) if code in conditions)


def _application(document: Document, account: Account, conditions: Set[int]) -> Iterator[Refusal]:
    if "app_id" not in document:
        yield refusal(4, field="app_id")
    app_id = document["app_id"]
    if not isinstance(app_id, str):
        yield invalid("app_id", app_id, "a string")
    if app_id not in account.app_ids:
        yield refusal(6, app_id=app_id)
    yield from (refusal(code, app_id=app_id) for code in (13, 24, 25, 26) if code in conditions)


def _completeness(document: Document) -> Iterator[Refusal]:
    if not document.keys() & PLATFORMS.keys():
        yield refusal(4, field=", ".join(PLATFORMS))
    if "audience" not in document:
        yield refusal(4, field="audience")


def _sizes(document: Document) -> Iterator[Refusal]:
    if len(document["audience"]) > LONGEST_AUDIENCE:
        yield refusal(27)
    if oversize({name: document[name] for name in PLATFORMS if name in document}):
        yield refusal(31)
