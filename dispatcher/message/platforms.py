"""One text of a message: the Push API's platform objects.

Every rule is the vendor's, from the platform pages of its Push API. Those lists are incomplete, so
a key inside a platform object that they do not name is let through with a warning (the vendor
answers code 29 if it does not know it either); what they do name must have the type they give.
"""

import re
from collections.abc import Callable, Mapping

from dispatcher.message.reading import join, kind, listed, refuse

PLATFORMS = ("ios", "android", "win", "uwp")
WINDOWS_FORMS = ("toast", "raw", "tile", "badge")

Check = Callable[[object, str], list[str]]
"""Takes a value and its place; returns the warnings, or raises MessageError."""


def check_platforms(value: Mapping[str, object]) -> list[str]:
    """The warnings about these platform objects; raises MessageError naming the place."""
    for key in value:
        if key not in PLATFORMS:
            words = f"is no platform; known are {listed(PLATFORMS)}"
            refuse(f"The message's key {key!r}", words, key)
    names = platforms_of(value)
    if not names:
        refuse("", f"has no platform: give it one or several of {listed(PLATFORMS)}")
    return [text for name in names for text in _PLATFORM_CHECKS[name](value[name], name)]


def platforms_of(value: Mapping[str, object]) -> tuple[str, ...]:
    """The platforms that stand in such an object, always in the same order."""
    return tuple(name for name in PLATFORMS if name in value)


def _of_kind(wanted: str, accepts: Callable[[object], bool]) -> Check:
    def check_kind(value: object, place: str) -> list[str]:
        if not accepts(value):
            refuse(place, f"must be {wanted}, not {kind(value)}")
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
        refuse(place, f"must be a whole number, not {value}")
    return []


def _one_of(*allowed: str) -> Check:
    def check_choice(value: object, place: str) -> list[str]:
        _text(value, place)
        if value not in allowed:
            choices = ", ".join(f'"{choice}"' for choice in allowed)
            refuse(place, f'must be one of {choices}, not "{value}"')
        return []

    return check_choice


def _color(value: object, place: str) -> list[str]:
    _text(value, place)
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", str(value)):
        refuse(place, f'must be a color like "#FF8800", not "{value}"')
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
                refuse(join(place, name), "is missing, and the Push API requires it")
        warnings: list[str] = []
        for key, item in value.items():
            if key in keys:
                warnings += keys[key](item, join(place, key))
            else:
                warnings.append(f"{join(place, key)} is not in the Push API's published lists.")
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
            refuse(place, f"must hold exactly one of {listed(WINDOWS_FORMS)}, not {found}")
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
