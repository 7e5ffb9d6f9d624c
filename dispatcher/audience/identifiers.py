"""What each platform of the Push API knows a user by.

The table is the vendor's, from its platform pages. Beyond the type no form is documented there, so
none is checked but a length that no identifier has, and what tools put in an identifier's place.
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
