"""How a message looks on a phone: what a template needs to draw it. PURE."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

NAMES = {"ios": "iOS", "android": "Android", "uwp": "Windows 10 and 11", "win": "Windows 8.1"}
"""The vendor's platforms, as people call them."""

MOST_SHOWN = 20
"""Variants that a page shows; the message's JSON has all of them."""

_NOTHING_SHOWN = {
    "raw": "Raw data for the app: nothing is shown.",
    "tile": "Changes the app's tile: no notification is shown.",
    "badge": "Changes the badge on the app's tile: no notification is shown.",
}


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification as it is drawn; `note` tells what cannot be drawn."""

    platform: str
    title: str
    text: str
    more: str = ""
    picture: str = ""
    color: str = ""
    buttons: tuple[str, ...] = ()
    badge: str = ""
    note: str = ""

    @property
    def platform_name(self) -> str:
        """As people call it."""
        return NAMES[self.platform]

    @property
    def is_shown(self) -> bool:
        """Whether anybody sees anything of it."""
        return bool(self.title or self.text or self.more)


@dataclass(frozen=True, slots=True)
class Preview:
    """A variant's notifications; one without variants has no `name`. `number` begins with 0."""

    number: int
    name: str
    is_default: bool
    notifications: tuple[Notification, ...]


def previews(message: Mapping[str, Any]) -> list[Preview]:
    """What members would see, by variant and platform, of as many as a page shows.

    The message has been checked.
    """
    variants = message.get("variants")
    if not isinstance(variants, Mapping):
        return [Preview(0, "", False, notifications(message))]
    default = message.get("default")
    return [
        Preview(number, name, name == default, notifications(text))
        for number, (name, text) in enumerate(islice(variants.items(), MOST_SHOWN))
    ]


def unshown(message: object) -> int:
    """How many variants a message has beyond those that a page shows."""
    variants = message.get("variants") if isinstance(message, Mapping) else None
    return max(0, len(variants) - MOST_SHOWN) if isinstance(variants, Mapping) else 0


def notifications(text: Mapping[str, Any]) -> tuple[Notification, ...]:
    """Those of one text, in the platforms' order."""
    return tuple(_DRAWN[name](name, text[name]) for name in NAMES if name in text)


def _ios(platform: str, value: Mapping[str, Any]) -> Notification:
    payload = value["payload"]
    title, text = _said(payload, "title", "title-loc-key"), _said(payload, "text", "loc-key")
    return Notification(
        platform,
        title,
        text,
        picture=_url(payload.get("attachment")),
        buttons=_buttons(payload),
        badge=str(payload.get("badge", "")),
        note="" if title or text else "Hidden: the app gets it, and nothing is shown.",
    )


def _android(platform: str, value: Mapping[str, Any]) -> Notification:
    payload = value["payload"]
    title, text = payload.get("title", ""), payload.get("text", "")
    return Notification(
        platform,
        title,
        text,
        picture=str(payload.get("image", "")),
        color=str(payload.get("color", "")),
        buttons=_buttons(payload),
        badge=str(payload.get("badge", "")),
        note="" if title or text else "Without title and text nothing is shown.",
    )


def _windows(platform: str, value: Mapping[str, Any]) -> Notification:
    toast = value.get("toast")
    if toast is None:
        form = next(name for name in _NOTHING_SHOWN if name in value)
        return Notification(platform, "", "", note=_NOTHING_SHOWN[form])
    title, text, more = (str(toast.get(name, "")) for name in ("title", "text", "text2"))
    note = "" if title or text or more else "Without title and text nothing is shown."
    return Notification(platform, title, text, more, note=note)


_DRAWN = {"ios": _ios, "android": _android, "uwp": _windows, "win": _windows}


def _said(payload: Mapping[str, Any], name: str, key: str) -> str:
    """The text, or the name of the one that the app has in the user's language."""
    if payload.get(name):
        return str(payload[name])
    return f"[{payload[key]}]" if payload.get(key) else ""


def _url(attachment: object) -> str:
    return str(attachment.get("url", "")) if isinstance(attachment, Mapping) else ""


def _buttons(payload: Mapping[str, Any]) -> tuple[str, ...]:
    interactive = payload.get("interactive")
    buttons = interactive.get("buttons", ()) if isinstance(interactive, Mapping) else ()
    return tuple(str(each.get("text") or each.get("id") or "") for each in buttons)
