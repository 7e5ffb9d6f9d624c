"""A message: the Push API's platform objects, checked before anything is committed.

Every rule is the vendor's, from the platform pages of its Push API. Those lists are incomplete, so
a key inside a platform object that they do not name is let through with a warning (the vendor
answers code 29 if it does not know it either); what they do name must have the type they give.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from dispatcher.errors import MessageError

PLATFORMS = ("ios", "android", "win", "uwp")
WINDOWS_FORMS = ("toast", "raw", "tile", "badge")

LARGEST = 1_000_000
"""Bytes of a message, which goes into every request of its campaign. Pushes take a few thousand."""

_DEEPEST = 100
"""Levels of objects and arrays. No push is near it; Python's own JSON fails at some 1,000."""

Check = Callable[[object, str], list[str]]
"""Takes a value and its place; returns the warnings, or raises MessageError."""


@dataclass(frozen=True, slots=True)
class Message:
    """The platform objects of one campaign.

    `json` is the compact text of {"ios": {...}, ...}, as it goes into each request; `canonical` is
    the same with sorted keys, for a digest. `warnings` are for the person: one sentence each.
    """

    platforms: tuple[str, ...]
    json: str
    canonical: str
    warnings: tuple[str, ...] = ()


def parse(text: str | bytes, place: str) -> Message:
    """The message that a JSON text holds.

    `place` is the file's name, or "standard input", for the errors. Raises MessageError, which
    names the line and column where the text is not JSON, and the key where the message is wrong.
    """
    if len(text) > LARGEST:
        raise MessageError(_too_large(place))
    try:
        value = json.loads(
            _decoded(text, place),
            object_pairs_hook=lambda pairs: _object(pairs, place),
            parse_constant=lambda name: _refuse(place, f"holds {name}, which is not JSON"),
        )
    except json.JSONDecodeError as error:
        raise MessageError(
            f"{place} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except RecursionError as error:
        raise MessageError(f"{place} is nested too deeply to be a message.") from error
    except ValueError as error:  # a number of thousands of digits
        raise MessageError(f"{place} holds a number that cannot be read: {error}.") from error
    try:
        return check(value)
    except MessageError as error:
        raise MessageError(f"{place}: {error}") from error


def check(value: object) -> Message:
    """The message in `value`, a dict of platform objects; raises MessageError naming the place."""
    if not isinstance(value, Mapping):
        _refuse("The message", f"must be an object of platforms, not {_kind(value)}")
    _check_tree(value, "", 0)
    for key in value:
        if key not in PLATFORMS:
            _refuse(f"The message's key {key!r}", f"is no platform; known are {_list(PLATFORMS)}")
    platforms = tuple(name for name in PLATFORMS if name in value)
    if not platforms:
        _refuse("The message", f"has no platform: give it one or several of {_list(PLATFORMS)}")
    warnings = [text for name in platforms for text in _PLATFORM_CHECKS[name](value[name], name)]
    objects = {name: value[name] for name in platforms}
    encoded = _encoded(objects)
    if len(encoded.encode()) > LARGEST:
        raise MessageError(_too_large("The message"))
    return Message(
        platforms=platforms,
        json=encoded,
        canonical=_encoded(objects, sort_keys=True),
        warnings=tuple(warnings),
    )


def _too_large(place: str) -> str:
    return (
        f"{place} takes more than {LARGEST:,} bytes, and would go into every request: a message is "
        "a few thousand; is it the right file?"
    )


def _encoded(objects: object, *, sort_keys: bool = False) -> str:
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
        _refuse(place, f"holds the key {twice!r} twice in one object")
    return result


def _check_tree(value: object, place: str, depth: int) -> None:
    """Refuse what JSON, UTF-8 or PostgreSQL cannot hold, anywhere in the message."""
    if depth > _DEEPEST:
        _refuse(_brief(place), f"is nested deeper than {_DEEPEST} levels")
    if isinstance(value, str):
        _check_text(value, place)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                _refuse(place or "The message", f"has the key {key!r}, which is not a text")
            _check_text(key, _join(place, repr(key)))
            _check_tree(item, _join(place, key), depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_tree(item, f"{place}[{index}]", depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        _refuse(place, f"is {value}, which JSON does not have")
    elif value is not None and not isinstance(value, bool | int | float):
        _refuse(place, f"is a {type(value).__name__}, which JSON does not have")


def _check_text(text: str, place: str) -> None:
    if "\0" in text:
        _refuse(place, "holds a NUL character: remove it")
    if any("\ud800" <= character <= "\udfff" for character in text):
        _refuse(place, "holds half of a surrogate pair, which UTF-8 cannot hold: remove it")


def _refuse(place: str, what: str) -> NoReturn:
    raise MessageError(f"{place or 'The message'} {what}.")


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _brief(place: str) -> str:
    return place if len(place) <= 60 else f"{place[:60]}..."


def _list(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _kind(value: object) -> str:
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


def _of_kind(wanted: str, accepts: Callable[[object], bool]) -> Check:
    def check_kind(value: object, place: str) -> list[str]:
        if not accepts(value):
            _refuse(place, f"must be {wanted}, not {_kind(value)}")
        return []

    return check_kind


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_text = _of_kind("a text", lambda value: isinstance(value, str))
_number = _of_kind("a number", _is_number)
_flag = _of_kind("true or false", lambda value: isinstance(value, bool))
_any_object = _of_kind("an object", lambda value: isinstance(value, Mapping))
_any_array = _of_kind("an array", lambda value: isinstance(value, list | tuple))


def _anything(value: object, place: str) -> list[str]:
    """A key whose type the lists do not give."""
    return []


def _whole_number(value: object, place: str) -> list[str]:
    _number(value, place)
    if not float(str(value)).is_integer():
        _refuse(place, f"must be a whole number, not {value}")
    return []


def _one_of(*allowed: str) -> Check:
    def check_choice(value: object, place: str) -> list[str]:
        _text(value, place)
        if value not in allowed:
            choices = ", ".join(f'"{choice}"' for choice in allowed)
            _refuse(place, f'must be one of {choices}, not "{value}"')
        return []

    return check_choice


def _color(value: object, place: str) -> list[str]:
    _text(value, place)
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", str(value)):
        _refuse(place, f'must be a color like "#FF8800", not "{value}"')
    return []


def _array_of(item: Check) -> Check:
    def check_array(value: object, place: str) -> list[str]:
        _any_array(value, place)
        assert isinstance(value, list | tuple)
        return [text for i, entry in enumerate(value) for text in item(entry, f"{place}[{i}]")]

    return check_array


def _object_of(keys: Mapping[str, Check], *, required: tuple[str, ...] = ()) -> Check:
    """An object with these keys; an unknown one is let through with a warning."""

    def check_object(value: object, place: str) -> list[str]:
        _any_object(value, place)
        assert isinstance(value, Mapping)
        for name in required:
            if name not in value:
                _refuse(_join(place, name), "is missing, and the Push API requires it")
        warnings: list[str] = []
        for key, item in value.items():
            if key in keys:
                warnings += keys[key](item, _join(place, key))
            else:
                warnings.append(f"{_join(place, key)} is not in the Push API's published lists.")
        return warnings

    return check_object


def _ios_payload(value: object, place: str) -> list[str]:
    """A text is required unless the push is hidden; how it is hidden, the lists do not say."""
    warnings = _IOS_PAYLOAD(value, place)
    assert isinstance(value, Mapping)
    if "text" not in value and "loc-key" not in value:
        warnings.append(f"{place}.text is missing: the Push API requires it unless it is hidden.")
    return warnings


_ACTION = _object_of({"url": _text})

_IOS_PAYLOAD = _object_of(
    {
        "title": _text,
        "text": _text,
        "title-loc-key": _text,
        "title-loc-args": _any_array,
        "action-loc-key": _text,
        "loc-key": _text,
        "loc-args": _any_array,
        "launch-image": _text,
        "data": _any_object,
        "badge": _number,
        "sound": _text,
        "attachment": _object_of({"type": _text, "url": _text}),
        "action": _ACTION,
        "interactive": _object_of(
            {
                "template": _text,
                "buttons": _array_of(_object_of({"id": _text, "action": _anything})),
            }
        ),
    }
)

_ANDROID_PAYLOAD = _object_of(
    {
        "title": _text,
        "text": _text,
        "data": _any_object,
        "small_icon": _text,
        "color": _color,
        "icon": _text,
        "image": _text,
        "sound": _text,
        "badge": _whole_number,
        "vibration": _flag,
        "led_color": _text,
        "action": _ACTION,
        "interactive": _object_of(
            {
                "buttons": _array_of(
                    _object_of({"id": _text, "text": _text, "handling": _text, "action": _anything})
                )
            }
        ),
    }
)

_TOAST = {"title": _text, "text": _text, "text2": _text, "data": _any_object}
_WIN_TOAST = _object_of(_TOAST, required=("title", "text"))
_UWP_TOAST = _object_of(
    {"scenario": _one_of("default", "alarm", "reminder", "incomingCall"), **_TOAST}
)


def _windows(toast: Check) -> Check:
    """win and uwp: exactly one of toast, raw, tile and badge, and perhaps options."""
    forms = dict.fromkeys(WINDOWS_FORMS, _any_object)
    check_keys = _object_of({**forms, "toast": toast, "options": _any_object})

    def check_windows(value: object, place: str) -> list[str]:
        _any_object(value, place)
        assert isinstance(value, Mapping)
        given = [form for form in WINDOWS_FORMS if form in value]
        if len(given) != 1:
            found = " and ".join(given) if given else "none of them"
            _refuse(place, f"must hold exactly one of {_list(WINDOWS_FORMS)}, not {found}")
        return check_keys(value, place)

    return check_windows


_PLATFORM_CHECKS: dict[str, Check] = {
    "ios": _object_of(
        {
            "payload": _ios_payload,
            "options": _object_of({"priority": _one_of("normal", "high"), "expire": _number}),
        },
        required=("payload",),
    ),
    "android": _object_of(
        {"payload": _ANDROID_PAYLOAD, "options": _any_object}, required=("payload",)
    ),
    "win": _windows(_WIN_TOAST),
    "uwp": _windows(_UWP_TOAST),
}
