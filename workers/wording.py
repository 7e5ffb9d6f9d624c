"""What may be told of the vendor's words: it may quote the token, and the members of a request."""

import html
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import unquote_plus

import orjson

from dispatcher.books.naming import named
from dispatcher.lifecycle import Reason, is_about_a_member
from workers.envelope import Envelope

_LONGEST_WHOLE = 8
"""Of a longer value so many characters at its beginning or end are found, too: it may be cut."""

_LONGEST_TOLD = 4_000
_MOST_QUOTES = 20
"""Characters of a message in which quoted values are looked for, and so many values of them."""

_PLACE = re.compile(r"\bfield(?: not found)?:?\s+[\"']?([\w.\[\]/-]{1,200})", re.IGNORECASE)
_PART = re.compile(r"\w+")
_INDEX = re.compile(r"\[\d{1,4}\]")
_NUMBER = re.compile(r"\d+")
_RECEIVED = re.compile(r"received(?: value)?:?\s+(.*?)(?:\.?\s+Expected\b.*|\.?\s*)$", re.I | re.S)
_IN_QUOTES = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")


class Wording:
    """The words of a reply without what it quotes of the request, whose body `request` makes.

    Where that cannot make it any more, nothing is told of what may quote it.
    """

    def __init__(self, envelope: Envelope, request: Callable[[], bytes | None]) -> None:
        self._envelope = envelope
        self._make_request = request

    def reason(self, reason: Reason) -> Reason:
        """The reason with the vendor's message, or with its code's own words if that names anybody.

        Reasons without a code are our own.
        """
        if reason.code is None or reason.message.rstrip(".") == reason.words:
            return reason
        if self._request_if_known is None:
            return replace(reason, message=reason.words)
        place = self._place(reason.message)
        reason = replace(reason, place=place)
        if is_about_a_member(reason):
            reason = replace(reason, culprit=self._culprit(reason.message, place or ""))
        told = self._envelope.redact(reason.message)
        return replace(reason, message=reason.words if self._names_anybody(told) else told)

    def details(self, details: object) -> str:
        """Those whom the vendor's details name, as JSON: their places, and what it says of them."""
        if not details or self._request_if_known is None:
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
        if not names or not self._names.issuperset(names):
            return None
        bare = names[0] in self._identifiers - self._names_besides
        return f"audience.{place}" if bare else place

    def _culprit(self, message: str, place: str) -> int | None:
        """The number among the members of the one whose value the message quotes, if it is one.

        The value is as it stands in the request, in quotes or without. Of several members who have
        it, the number in the field's place tells which it is.
        """
        values = _quoted(message)
        name = _PART.findall(place)[-1]
        names = {name} if name in self._identifiers else self._identifiers
        found = {
            number
            for number, member in enumerate(self._members)
            if member in values or any(member[each] in values for each in names & member.keys())
        }
        if len(found) > 1:
            found.intersection_update(map(int, _NUMBER.findall(place)))
        return found.pop() if len(found) == 1 else None

    def _names_anybody(self, text: str) -> bool:
        """Whether the text holds an identifier of a member, in any case or encoding, or most of it.

        What it takes for one by mistake costs a few of the vendor's words.
        """
        spelt = html.unescape(unquote_plus(_ESCAPE.sub(lambda code: chr(int(code[1], 16)), text)))
        readings = {text.lower(), spelt.lower()}
        words = {word for told in readings for word in _PART.findall(told)}
        if all(word.isascii() and word.encode() not in self._audience for word in words):
            return False  # most are so, and to look at each member takes longer
        whole, punctuated, pieces = self._sought
        return any(
            not whole.isdisjoint(_PART.findall(told))
            or any(value in told for value in punctuated)
            or not pieces.isdisjoint(_pieces(told))
            for told in readings
        )

    @cached_property
    def _request_if_known(self) -> bytes | None:
        return self._make_request()

    @property
    def _request(self) -> bytes:
        assert self._request_if_known is not None
        return self._request_if_known

    @cached_property
    def _audience(self) -> bytes:
        return self._request[self._request.find(b'"audience":') :].lower()

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
    def _sought(self) -> tuple[set[str], list[str], set[str]]:
        """The members' identifiers as they are looked for: short ones, also apart, and pieces."""
        values = {str(value).lower() for member in self._members for value in member.values()}
        short = {value for value in values if len(value) <= _LONGEST_WHOLE}
        punctuated = [value for value in short if not _PART.fullmatch(value)]
        long = values - short
        pieces = {value[:_LONGEST_WHOLE] for value in long}
        return short, punctuated, pieces | {value[-_LONGEST_WHOLE:] for value in long}

    @cached_property
    def _names(self) -> set[str]:
        """What fields of the request are called; the members' values are none."""
        return {"audience"} | self._names_besides | self._identifiers

    @cached_property
    def _names_besides(self) -> set[str]:
        """What the fields besides the audience are called."""
        rest = {name: value for name, value in self._document.items() if name != "audience"}
        return set(_keys(rest))

    @cached_property
    def _identifiers(self) -> set[str]:
        """What the members are known by."""
        return set().union(*self._members)


def _quoted(message: str) -> list[Any]:
    """What a message may quote of a request: a value received, as it is or as JSON spells it."""
    told = message[:_LONGEST_TOLD]
    match = _RECEIVED.search(told)
    texts = [match[1]] if match else _IN_QUOTES.findall(told)[:_MOST_QUOTES]
    texts += [text.strip("\"'") for text in texts]
    values: list[Any] = []
    for text in texts:
        values += text, unquote_plus(text), html.unescape(text)
        with suppress(orjson.JSONDecodeError):
            values.append(orjson.loads(text))
    return [value for value in values if not isinstance(value, bool)]


def _pieces(text: str) -> Iterator[str]:
    ends = range(_LONGEST_WHOLE, len(text) + 1)
    return (text[end - _LONGEST_WHOLE : end] for end in ends)


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _PART.findall(key)
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)
