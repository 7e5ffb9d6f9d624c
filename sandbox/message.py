"""The message objects of the four platforms, as far as the vendor documents them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from sandbox.codes import Refusal, refusal
from sandbox.rules import (
    Rule,
    anything,
    boolean,
    fields,
    in_turn,
    list_of,
    matching,
    number,
    one_of,
    string,
    whole,
)

# The vendor names no figure. APNs and FCM both stop at 4096 bytes of JSON (WNS a little later).
LARGEST_PAYLOAD: Final = 4096

_WINDOWS_KINDS: Final = ("toast", "raw", "tile", "badge")


def _visible_or_hidden(path: str, payload: Any) -> Iterator[Refusal]:
    """An iOS push shows a text, its own or a localised one; only one that carries data may hide."""
    if not payload.keys() & {"text", "loc-key", "data"}:
        yield refusal(4, field=f"{path}.text")


def _one_kind(path: str, message: Any) -> Iterator[Refusal]:
    kinds = [name for name in message if name in _WINDOWS_KINDS]
    if not kinds:
        yield refusal(4, field=f"{path}.toast")
    for surplus in kinds[1:]:
        yield refusal(29, field=f"{path}.{surplus}")


def _windows(toast: Rule) -> Rule:
    known = dict.fromkeys(_WINDOWS_KINDS, anything) | {"toast": toast, "options": anything}
    return in_turn(fields(known), _one_kind)


_ACTION: Final = fields({"url": string})

_IOS_PAYLOAD: Final = fields(
    {
        "title": string,
        "text": string,
        "title-loc-key": string,
        "title-loc-args": list_of(string),
        "action-loc-key": string,
        "loc-key": string,
        "loc-args": list_of(string),
        "launch-image": string,
        "data": anything,
        "badge": number,
        "sound": string,
        "attachment": fields({"type": string, "url": string}),
        "action": _ACTION,
        "interactive": fields(
            {"template": string, "buttons": list_of(fields({"id": string, "action": _ACTION}))}
        ),
    }
)

_ANDROID_PAYLOAD: Final = fields(
    {
        "title": string,
        "text": string,
        "data": anything,
        "small_icon": string,
        "color": matching(r"#[0-9A-Fa-f]{6}", "a color of the form #RRGGBB"),
        "icon": string,
        "image": string,
        "sound": string,
        "badge": whole,
        "vibration": boolean,
        "led_color": string,
        "action": _ACTION,
        "interactive": fields(
            {
                "buttons": list_of(
                    fields({"id": string, "text": string, "handling": string, "action": _ACTION})
                )
            }
        ),
    }
)

_TOAST: Final = {"title": string, "text": string, "text2": string, "data": anything}

PLATFORMS: Final[Mapping[str, Rule]] = {
    "ios": fields(
        {
            "payload": in_turn(_IOS_PAYLOAD, _visible_or_hidden),
            "options": fields({"priority": one_of("normal", "high"), "expire": number}),
        },
        required=("payload",),
    ),
    "android": fields({"payload": _ANDROID_PAYLOAD, "options": anything}, required=("payload",)),
    "win": _windows(fields(_TOAST, required=("title", "text"))),
    "uwp": _windows(
        fields(
            _TOAST | {"scenario": one_of("default", "alarm", "reminder", "incomingCall")},
        )
    ),
}


def oversize(message: Mapping[str, Any]) -> bool:
    """Whether what one of the platforms would deliver is larger than it takes."""
    return any(
        len(orjson.dumps(content)) > LARGEST_PAYLOAD
        for platform in message.values()
        for name, content in platform.items()
        if name != "options"
    )
