"""What each platform of the Push API knows a user by.

The table is the vendor's, from its platform pages. Beyond the type no form is documented there, so
none is checked but a length that no identifier has, and what tools put in an identifier's place.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

UUID = "[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
"""The same in upper and lower case."""

LONGEST = 4096
"""Bytes of an identifier's JSON. The longest known, Google's push tokens, stay far below."""


class Kind(Enum):
    """The JSON type that the vendor wants an identifier to have."""

    TEXT = "a text"
    NUMBER = "a whole number of at most 64 bits"


@dataclass(frozen=True, slots=True)
class Identifier:
    """One column of an audience.

    `device`: the id of a device or of an app on one. Devices that have none report zeros, or one
    of `shared`, in lower case, which millions of them have; both count as absent.
    `hexadecimal`: so many hexadecimal digits, or more, are a number, the same in upper and lower
    case.
    """

    name: str
    platforms: frozenset[str]
    kind: Kind = Kind.TEXT
    device: bool = False
    shared: frozenset[str] = frozenset()
    hexadecimal: int | None = None

    @property
    def caseless(self) -> tuple[str, ...]:
        """The forms of a text in which case means nothing, as regular expressions of its whole."""
        return (
            (UUID,) if self.hexadecimal is None else (UUID, f"[0-9A-Fa-f]{{{self.hexadecimal},}}")
        )


_EVERY_PLATFORM = frozenset({"ios", "android", "win", "uwp"})
_NOT_IOS = frozenset({"android", "win", "uwp"})
_UNKNOWN = frozenset({"unknown"})

TOKEN = Identifier("token", _EVERY_PLATFORM, hexadecimal=64)
"""With a token the vendor ignores the other identifiers. Apple's are hexadecimal digits."""

IDENTIFIERS = (
    TOKEN,
    Identifier("idfa", frozenset({"ios"}), device=True, shared=_UNKNOWN),
    Identifier("idfv", frozenset({"ios"}), device=True, shared=_UNKNOWN),
    Identifier("advertisingId", _NOT_IOS, device=True, shared=_UNKNOWN),
    Identifier(
        "androidId",
        frozenset({"android"}),
        device=True,
        shared=_UNKNOWN | {"9774d56d682e549c"},
        hexadecimal=1,
    ),
    Identifier("serialId", _NOT_IOS, device=True, shared=_UNKNOWN | {"0123456789abcdef"}),
    Identifier("userId", _EVERY_PLATFORM),
    Identifier("devtodevId", _EVERY_PLATFORM, Kind.NUMBER),
)


def known(platforms: Iterable[str]) -> tuple[Identifier, ...]:
    """The identifiers that at least one of the platforms knows, always in the same order."""
    wanted = frozenset(platforms)
    return tuple(each for each in IDENTIFIERS if each.platforms & wanted)


def folded(identifier: Identifier, text: str) -> str:
    """The text in lower case where case means nothing; `checking` says it in SQL."""
    lower = text.lower()
    if lower == text or not any(re.fullmatch(form, text) for form in identifier.caseless):
        return text
    return lower
