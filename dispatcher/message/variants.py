"""A message: the platform objects of one text, or several texts by their names.

`{"variants": {"en": {"ios": {...}}, "de": {...}}, "default": "en"}`: each of them is what a message
of one text is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dispatcher.errors import MessageError
from dispatcher.message.platforms import check_platforms, platforms_of
from dispatcher.message.reading import (
    LARGEST,
    check_tree,
    encoded,
    join,
    kind,
    listed,
    read,
    refuse,
    too_large,
)

MOST_VARIANTS = 100
"""Of one message: chunks of all of them are filled at the same time."""

_LONGEST_NAME = 100
_KEYS = ("variants", "default")


@dataclass(frozen=True, slots=True)
class Variant:
    """One of several texts: its name, and its platform objects as they go into requests."""

    name: str
    json: str


@dataclass(frozen=True, slots=True)
class Message:
    """What a campaign sends.

    `json` is the compact text of {"ios": {...}, ...}, as it goes into each request, and of the
    whole document where there are `variants`, of which `default` is the one for whoever names none.
    `canonical` is the same with sorted keys, for a digest. `warnings` are for the person: one
    sentence each.
    """

    platforms: tuple[str, ...]
    json: str
    canonical: str
    warnings: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    default: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The document of `check --json`: what it is, without its texts."""
        return {
            "platforms": list(self.platforms),
            "variants": [each.name for each in self.variants],
            "default": self.default,
            "bytes": len(self.json.encode()),
            "warnings": list(self.warnings),
        }


def parse(text: str | bytes, place: str) -> Message:
    """The message that a JSON text holds.

    `place` is the file's name, or "standard input", for the errors. Raises MessageError, which
    names the line and column where the text is not JSON, and the key where the message is wrong.
    """
    value = read(text, place)
    try:
        return check(value)
    except MessageError as error:
        raise MessageError(f"{place}: {error}", error.place) from error


def check(value: object) -> Message:
    """The message in `value`, a dict of platform objects or of variants.

    Raises MessageError, which names the variant and the place.
    """
    if not isinstance(value, Mapping):
        refuse("", f"must be an object of platforms, not {kind(value)}")
    check_tree(value, "", 0)
    message = _several(value) if "variants" in value else _one(value)
    if len(message.json.encode()) > LARGEST:
        raise MessageError(too_large("The message"))
    return message


def _one(value: Mapping[str, object]) -> Message:
    warnings = check_platforms(value)
    platforms = platforms_of(value)
    ordered = {name: value[name] for name in platforms}
    return Message(platforms, encoded(ordered), encoded(ordered, sort_keys=True), tuple(warnings))


def _several(value: Mapping[str, object]) -> Message:
    for key in value:
        if key not in _KEYS:
            refuse(
                f"The message's key {key!r}",
                "stands beside its variants: put platforms into each variant",
                key,
            )
    given = value["variants"]
    if not isinstance(given, Mapping) or not given:
        words = 'must be an object, as {"en": {"ios": {...}}, "de": ...}'
        refuse("The message's variants", words, "variants")
    if len(given) > MOST_VARIANTS:
        refuse("", f"has {len(given):,} variants: give {MOST_VARIANTS} at most", "variants")
    texts = {name: _text(name, each) for name, each in given.items()}
    _check_platforms_agree(texts)
    default = value.get("default")
    if default is not None and (not isinstance(default, str) or default not in texts):
        words = f"is none of its variants, {listed(texts)}"
        refuse(f"The message's default {default!r}", words, "default")
    named = {} if default is None else {"default": default}
    document = {"variants": dict(given), **named}
    return Message(
        platforms=next(iter(texts.values())).platforms,
        json=encoded(document),
        canonical=encoded(document, sort_keys=True),
        warnings=tuple(
            f"Variant {name!r}: {warning}"
            for name, text in texts.items()
            for warning in text.warnings
        ),
        variants=tuple(Variant(name, text.json) for name, text in texts.items()),
        default=default,
    )


def _text(name: str, value: object) -> Message:
    place = join("variants", name)
    if not name.strip() or name != name.strip() or not name.isprintable():
        refuse(f"The variant's name {name!r}", "must be one line without blanks around it", place)
    if len(name) > _LONGEST_NAME:
        words = f"is longer than {_LONGEST_NAME} characters"
        refuse(f"The variant's name {name!r}", words, place)
    if not isinstance(value, Mapping):
        refuse(f"Variant {name!r}", f"must be an object of platforms, not {kind(value)}", place)
    try:
        return _one(value)
    except MessageError as error:
        within = join(place, error.place) if error.place else place
        raise MessageError(f"Variant {name!r}: {error}", within) from error


def _check_platforms_agree(texts: Mapping[str, Message]) -> None:
    """Raise MessageError where a member could be known to another variant's platforms alone."""
    every = {name: text.platforms for name, text in texts.items()}
    offered = {platform for platforms in every.values() for platform in platforms}
    for name, platforms in every.items():
        lacking = sorted(offered.difference(platforms))
        if lacking:
            other = next(one for one, has in every.items() if lacking[0] in has)
            refuse(
                f"Variant {name!r}",
                f"has no {lacking[0]}, which variant {other!r} has: members of that platform would "
                "get nothing from it",
                join("variants", name),
            )
