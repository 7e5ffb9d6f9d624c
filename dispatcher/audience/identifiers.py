"""What each platform of the Push API knows a user by.

The table is the vendor's, from its platform pages. Beyond the type no form is documented there, so
none is checked but a length that no identifier has.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

LONGEST = 4096
"""Bytes of an identifier's JSON. The longest known, Google's push tokens, stay far below."""


class Kind(Enum):
    """The JSON type that the vendor wants an identifier to have."""

    TEXT = "a text"
    NUMBER = "a whole number of at most 64 bits"


@dataclass(frozen=True, slots=True)
class Identifier:
    """One column of an audience.

    `advertising`: devices report an id of zeros where tracking is off, shared by millions, so
    that one counts as absent.
    """

    name: str
    platforms: frozenset[str]
    kind: Kind = Kind.TEXT
    advertising: bool = False


_EVERY_PLATFORM = frozenset({"ios", "android", "win", "uwp"})
_NOT_IOS = frozenset({"android", "win", "uwp"})

TOKEN = Identifier("token", _EVERY_PLATFORM)
"""With a token the vendor ignores the other identifiers."""

IDENTIFIERS = (
    TOKEN,
    Identifier("idfa", frozenset({"ios"}), advertising=True),
    Identifier("idfv", frozenset({"ios"})),
    Identifier("advertisingId", _NOT_IOS, advertising=True),
    Identifier("androidId", frozenset({"android"})),
    Identifier("serialId", _NOT_IOS),
    Identifier("userId", _EVERY_PLATFORM),
    Identifier("devtodevId", _EVERY_PLATFORM, Kind.NUMBER),
)


def known(platforms: Iterable[str]) -> tuple[Identifier, ...]:
    """The identifiers that at least one of the platforms knows, always in the same order."""
    wanted = frozenset(platforms)
    return tuple(each for each in IDENTIFIERS if each.platforms & wanted)


def unknown(names: Iterable[str], identifiers: Iterable[Identifier]) -> tuple[str, ...]:
    """Those of the names that none of the identifiers has, in the order given."""
    taken = {each.name for each in identifiers}
    return tuple(name for name in names if name not in taken)
