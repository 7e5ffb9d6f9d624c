"""The fields of a message's editor: those that most messages have. PURE.

The message itself is one JSON document, which the page holds; a field is a view of a place in it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from console.pages.notifications import MOST_SHOWN, NAMES


@dataclass(frozen=True, slots=True)
class Kind:
    """A field that each text of a platform has: its place, as keys, and how it is filled in."""

    path: tuple[str, ...]
    label: str
    form: str = "line"
    hint: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A field of one text; `place` names it as errors of the library do."""

    kind: Kind
    place: str
    path: str
    value: str


@dataclass(frozen=True, slots=True)
class PlatformFields:
    """The fields of one platform: the usual ones, and those that fewer messages have."""

    name: str
    title: str
    usual: tuple[Field, ...]
    further: tuple[Field, ...]

    @property
    def is_further_open(self) -> bool:
        """Whether one of the further ones says something."""
        return any(field.value for field in self.further)


@dataclass(frozen=True, slots=True)
class VariantFields:
    """The fields of one text; `path` is where it stands, and `name` is "" where it is the only."""

    number: int
    name: str
    path: str
    place: str
    is_default: bool
    platforms: tuple[PlatformFields, ...]


_ALERT = (
    Kind(("payload", "title"), "Title"),
    Kind(("payload", "text"), "Text", "text"),
)
_LINK = Kind(("payload", "action", "url"), "Link", "url", "Opened by a tap.")
_SOUND = Kind(("payload", "sound"), "Sound")
_DATA = Kind(("payload", "data"), "Data for the app", "object", 'An object, as {"offer": 7}.')
_TOAST = (
    Kind(("toast", "title"), "Title"),
    Kind(("toast", "text"), "Text", "text"),
)
_TOAST_MORE = (
    Kind(("toast", "text2"), "Second line"),
    Kind(("toast", "data"), "Data for the app", "object", 'An object, as {"offer": 7}.'),
)

KINDS: Mapping[str, tuple[tuple[Kind, ...], tuple[Kind, ...]]] = {
    "ios": (
        _ALERT,
        (
            _LINK,
            Kind(("payload", "attachment", "url"), "Picture or video", "url"),
            Kind(("payload", "attachment", "type"), "Its type", hint="As image or video."),
            _SOUND,
            Kind(("payload", "badge"), "Badge", "number"),
            Kind(("options", "priority"), "Priority", "choice", choices=("normal", "high")),
            Kind(("options", "expire"), "Expires after", "number", "Seconds."),
            _DATA,
        ),
    ),
    "android": (
        _ALERT,
        (
            _LINK,
            Kind(("payload", "image"), "Picture", "url"),
            Kind(("payload", "icon"), "Large icon"),
            Kind(("payload", "small_icon"), "Small icon"),
            Kind(("payload", "color"), "Color", hint="As #FF8800."),
            _SOUND,
            Kind(("payload", "badge"), "Badge", "number"),
            Kind(("payload", "vibration"), "Vibrate", "flag"),
            _DATA,
        ),
    ),
    "uwp": (
        _TOAST,
        (
            *_TOAST_MORE,
            Kind(
                ("toast", "scenario"),
                "Scenario",
                "choice",
                choices=("default", "alarm", "reminder", "incomingCall"),
            ),
        ),
    ),
    "win": (_TOAST, _TOAST_MORE),
}


def fields_of(message: object) -> list[VariantFields]:
    """The fields of each text that is shown, with what stands in them; all else there stays."""
    if not isinstance(message, Mapping):
        return []
    variants = message.get("variants")
    if not isinstance(variants, Mapping):
        return [VariantFields(0, "", "[]", "", False, tuple(_platforms(message, ())))]
    return [
        VariantFields(
            number,
            name,
            json.dumps(["variants", name]),
            f"variants.{name}",
            name == message.get("default"),
            tuple(_platforms(text if isinstance(text, Mapping) else {}, ("variants", name))),
        )
        for number, (name, text) in enumerate(islice(variants.items(), MOST_SHOWN))
        if isinstance(name, str)
    ]


def _platforms(text: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[PlatformFields]:
    for name, title in NAMES.items():
        if name in text:
            usual, further = KINDS[name]
            yield PlatformFields(
                name,
                title,
                tuple(_field(kind, text, (*path, name)) for kind in usual),
                tuple(_field(kind, text, (*path, name)) for kind in further),
            )


def _field(kind: Kind, text: Mapping[str, Any], path: tuple[str, ...]) -> Field:
    whole = (*path, *kind.path)
    value: object = text[path[-1]]
    for key in kind.path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return Field(kind, ".".join(whole), json.dumps(whole), _shown(value))


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
