"""What may be told of the vendor's words: it may quote the token, and the members of a request."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import unquote_plus

import orjson

from dispatcher.books.naming import named
from dispatcher.lifecycle import Reason
from workers.envelope import Envelope

_LONGEST_WHOLE = 8
"""Of a longer value so many characters at its beginning or end are found, too: it may be cut."""

_PLACE = re.compile(r"\bfield(?: not found)?:?\s+[\"']?([\w.\[\]/-]{1,200})", re.IGNORECASE)
_PART = re.compile(r"\w+")
_INDEX = re.compile(r"\[\d{1,4}\]")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


class Wording:
    """The words of a reply without what it quotes of the request, whose body is `request`."""

    def __init__(self, envelope: Envelope, request: bytes) -> None:
        self._envelope = envelope
        self._request = request

    def reason(self, reason: Reason) -> Reason:
        """The reason with the vendor's message, or with its code's own words if that names anybody.

        Reasons without a code are our own.
        """
        if reason.code is None or reason.message.rstrip(".") == reason.words:
            return reason
        reason = replace(reason, place=self._place(reason.message))
        told = self._envelope.redact(reason.message)
        return replace(reason, message=reason.words if self._names_anybody(told) else told)

    def details(self, details: object) -> str:
        """Those whom the vendor's details name, as JSON: their places, and what it says of them."""
        if not details:
            return "[]"
        told: dict[str, str] = {}
        for _, said in (found := named(details, self._members)):
            if said not in told:
                clean = self._envelope.redact(said)
                told[said] = "" if self._names_anybody(clean) else clean
        return json.dumps([(place, told[said]) for place, said in found], separators=(",", ":"))

    def _place(self, message: str) -> str | None:
        """The field that a message is about, where it is a name that the request has."""
        match = _PLACE.search(message)
        if match is None:
            return None
        place = match[1].rstrip(".-/")
        names = _PART.findall(_INDEX.sub("", place))
        return place if names and self._names.issuperset(names) else None

    def _names_anybody(self, text: str) -> bool:
        """Whether the text holds an identifier of a member, in any case or encoding, or most of it.

        What it takes for one by mistake costs a few of the vendor's words.
        """
        spelt = html.unescape(unquote_plus(_ESCAPE.sub(lambda code: chr(int(code[1], 16)), text)))
        lowered = {text.lower(), spelt.lower()}
        parts = {part for each in lowered for part in _PART.findall(each)}
        return any(
            value in parts or (any(map(value.__contains__, ".@-:+ ")) and _in_any(value, lowered))
            if len(value) <= _LONGEST_WHOLE
            else _in_any(value[:_LONGEST_WHOLE], lowered)
            or _in_any(value[-_LONGEST_WHOLE:], lowered)
            for value in self._values
        )

    @cached_property
    def _document(self) -> dict[str, Any]:
        try:
            document = orjson.loads(self._request)
        except orjson.JSONDecodeError:
            return {}
        return document if isinstance(document, dict) else {}

    @cached_property
    def _members(self) -> list[dict[str, Any]]:
        members: list[dict[str, Any]] = self._document.get("audience", [])
        return members

    @cached_property
    def _values(self) -> set[str]:
        return {str(value).lower() for member in self._members for value in member.values()}

    @cached_property
    def _names(self) -> frozenset[str]:
        """What fields of the request are called; the members' values are none."""
        return frozenset(_keys(self._document))


def _in_any(part: str, texts: set[str]) -> bool:
    return any(part in text for text in texts)


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _PART.findall(key)
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)
