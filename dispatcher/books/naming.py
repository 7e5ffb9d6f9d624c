"""Whom of a chunk the vendor names, by their places: what is kept of its details names nobody."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from dispatcher.lifecycle import whole_number

Member = dict[str, Any]
Named = tuple[int, str]
"""A member's place in the chunk, and what the vendor says of them."""

_LONGEST = 200


def read_details(stored: str | None, members: Sequence[Member]) -> list[Named]:
    """Those whom stored details name, each once; at first the vendor's own were stored.

    Raises nothing, whatever stands there.
    """
    try:
        details = json.loads(stored or "null", parse_int=whole_number)
    except (ValueError, RecursionError):
        return []
    if isinstance(details, list) and details and all(map(_is_named, details)):
        return [(place, said) for place, said in details if 0 <= place < len(members)]
    return named(details, members)


def named(details: object, members: Sequence[Member]) -> list[Named]:
    """Those whom the vendor's details name, each once, with what it says without an identifier.

    The form of the details is not documented: an entry names a member when the identifiers in it,
    at its top or one level below, are those of exactly one member of the chunk.
    """
    entries = _entries(details)
    if not entries:
        return []
    chunk = _Chunk(members, entries)
    found: dict[int, str] = {}
    for entry in entries:
        place = chunk.place_of(entry)
        if place is not None and place not in found:
            found[place] = chunk.said(entry)
    return list(found.items())


def _is_named(entry: object) -> bool:
    match entry:
        case [int() as place, str()]:
            return not isinstance(place, bool)
        case _:
            return False


def _entries(details: object) -> list[dict[str, Any]]:
    """The entries of whatever the vendor sent: a list of them, one alone, or several by name."""
    if isinstance(details, dict):
        several = all(isinstance(value, dict) for value in details.values())
        details = list(details.values()) if several else [details]
    if not isinstance(details, list):
        return []
    return [entry for entry in details if isinstance(entry, dict)]


def _scalars(entry: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The identifiers that an entry may have: what stands at its top, and then one level below."""
    inner = (value for value in entry.values() if isinstance(value, dict))
    for level in (entry, *inner):
        yield from (item for item in level.items() if isinstance(item[1], str | int | float))


class _Chunk:
    """Those members of a chunk whom the entries may name; an identifier of several names nobody."""

    def __init__(self, members: Sequence[Member], entries: Sequence[dict[str, Any]]) -> None:
        wanted = {item for entry in entries for item in _scalars(entry)}
        self._names: set[str] = set().union(*members)
        self._values: set[Any] = set().union(*(member.values() for member in members))
        self._places: dict[tuple[str, Any], int | None] = {}
        for place, member in enumerate(members):
            if wanted.isdisjoint(member.items()):
                continue
            for item in wanted.intersection(member.items()):
                self._places[item] = None if item in self._places else place

    def place_of(self, entry: dict[str, Any]) -> int | None:
        found = (self._places.get(item) for item in _scalars(entry))
        return next((place for place in found if place is not None), None)

    def said(self, entry: dict[str, Any]) -> str:
        """What the vendor said of a member: its texts and numbers, in order, but no identifier.

        Half a character, which JSON can spell and no file can hold, is spelt out.
        """
        words = ", ".join(
            value if isinstance(value, str) else f"{name} {value}"
            for name, value in entry.items()
            if isinstance(value, str | int | float)
            and name not in self._names
            and not self._is_identifier(value)
        )
        return words[:_LONGEST].encode("utf-8", "backslashreplace").decode()

    def _is_identifier(self, value: str | int | float) -> bool:
        text = str(value)
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
        return text in self._values or (number is not None and number in self._values)
