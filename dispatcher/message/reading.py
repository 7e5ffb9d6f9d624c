"""A message's JSON: read from its text, and held to what JSON, UTF-8 and PostgreSQL can hold."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import NoReturn

from dispatcher.errors import MessageError

LARGEST = 1_000_000
"""Bytes of a message, which goes into every request of its campaign. Pushes take a few thousand."""

_DEEPEST = 100
"""Levels of objects and arrays. No push is near it; Python's own JSON fails at some 1,000."""


def read(text: str | bytes, place: str) -> object:
    """What a JSON text holds; `place` is what it is called in errors.

    Raises MessageError, which names the line and column where the text is not JSON.
    """
    if len(text) > LARGEST:
        raise MessageError(too_large(place))
    try:
        return json.loads(
            _decoded(text, place),
            object_pairs_hook=lambda pairs: _object(pairs, place),
            parse_constant=lambda name: refuse(place, f"holds {name}, which is not JSON", ""),
        )
    except json.JSONDecodeError as error:
        raise MessageError(
            f"{place} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except RecursionError as error:
        raise MessageError(f"{place} is nested too deeply to be a message.") from error
    except ValueError as error:  # a number of thousands of digits
        raise MessageError(f"{place} holds a number that cannot be read: {error}.") from error


def too_large(place: str) -> str:
    """What is said of a message beyond LARGEST."""
    return (
        f"{place} takes more than {LARGEST:,} bytes, and would go into every request: a message is "
        "a few thousand; is it the right file?"
    )


def encoded(objects: object, *, sort_keys: bool = False) -> str:
    """The compact JSON text."""
    return json.dumps(
        objects, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=sort_keys
    )


def _decoded(text: str | bytes, place: str) -> str:
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise MessageError(f"{place} is not UTF-8 at line {line}: save it as UTF-8.") from error


def _object(pairs: list[tuple[str, object]], place: str) -> dict[str, object]:
    """The pairs as a dict; a key that stands twice would silently lose one of its values."""
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        refuse(place, f"holds the key {twice!r} twice in one object", "")
    return result


def check_tree(value: object, place: str, depth: int) -> None:
    """Refuse what JSON, UTF-8 or PostgreSQL cannot hold, anywhere in the message."""
    if depth > _DEEPEST:
        refuse(_brief(place), f"is nested deeper than {_DEEPEST} levels", "")
    if isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                refuse(place, f"has the key {key!r}, which is not a text")
            _check_text(key, join(place, repr(key)))
            check_tree(item, join(place, key), depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            check_tree(item, f"{place}[{index}]", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        refuse(place, f"is {value}, which JSON does not have")
    elif value is not None and not isinstance(value, bool | int | float):
        refuse(place, f"is a {type(value).__name__}, which JSON does not have")


def _check_text(text: str, place: str) -> None:
    if "\0" in text:
        refuse(place, "holds a NUL character: remove it")
    if any("\ud800" <= character <= "\udfff" for character in text):
        refuse(place, "holds half of a surrogate pair, which UTF-8 cannot hold: remove it")


def refuse(place: str, what: str, at: str | None = None) -> NoReturn:
    """Raise MessageError: what is wrong, and where; `at` is the place, where words name it."""
    raise MessageError(f"{place or 'The message'} {what}.", place if at is None else at)


def join(place: str, key: str) -> str:
    """The place of a key in the object at `place`."""
    return f"{place}.{key}" if place else key


def _brief(place: str) -> str:
    return place if len(place) <= 60 else f"{place[:60]}..."


def listed(names: Iterable[str]) -> str:
    """The names, for a sentence."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def kind(value: object) -> str:
    """What a person calls the value's type."""
    for types, name in _KINDS:
        if isinstance(value, types):
            return name
    return f"a {type(value).__name__}"


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "null"),
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "a text"),
    (Mapping, "an object"),
    ((list, tuple), "an array"),
)
