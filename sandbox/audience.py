"""The users of a request: the identifiers they may have, and the device each one stands for.

A thousand members a request and hundreds of requests a second: a sound audience is recognised
column by column, at C's speed; only an unsound one is walked through, to name the offender.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import partial
from typing import Any, Final

import orjson

from sandbox.codes import Refusal, refusal
from sandbox.rules import fields, invalid, number, string

LONGEST_AUDIENCE: Final = 1000

_WINDOWS: Final = frozenset({"token", "advertisingId", "serialId", "userId", "devtodevId"})
IDENTIFIERS: Final[dict[str, frozenset[str]]] = {
    "ios": frozenset({"token", "idfa", "idfv", "userId", "devtodevId"}),
    "android": _WINDOWS | {"androidId"},
    "uwp": _WINDOWS,
    "win": _WINDOWS,
}
_KNOWN: Final = frozenset[str]().union(*IDENTIFIERS.values())
_ADVERTISING: Final = frozenset({"idfa", "advertisingId"})
_TYPES: Final = {name: frozenset[type]({str}) for name in _KNOWN} | {
    "devtodevId": frozenset[type]({int, float})
}

_member = fields(dict.fromkeys(_KNOWN, string) | {"devtodevId": number})
_canonical = partial(orjson.dumps, option=orjson.OPT_SORT_KEYS)

Member = dict[str, Any]
Identifier = tuple[str, Any]
# The token where there is one, else the canonical JSON of all the other identifiers.
Device = str | bytes


def problems(audience: Sequence[Any]) -> Iterator[Refusal]:
    """What the vendor would refuse in the members' fields and types."""
    if _sound(audience):
        return
    for place, member in enumerate(audience):
        yield from _member(f"audience[{place}]", member)


def _sound(audience: Sequence[Any]) -> bool:
    if not {dict}.issuperset(map(type, audience)):
        return False
    names = set[str]().union(*audience)
    return names <= _KNOWN and all(
        _TYPES[name].issuperset([type(member[name]) for member in audience if name in member])
        for name in names
    )


def poison(
    audience: Sequence[Member], poisoned: Set[Identifier], *, quotes: bool
) -> Iterator[Refusal]:
    """A refusal for each user who is poisoned; it names them only where it `quotes`."""
    if not poisoned:
        return
    for place, member in enumerate(audience):
        for name, value in member.items() & poisoned:
            if quotes:
                yield invalid(f"audience[{place}].{name}", value, "a valid identifier")
            else:
                yield refusal(30, field="audience", value="(a user)", description="valid users")


def devices(audience: Sequence[Member], platforms: Sequence[str]) -> list[Device | None]:
    """Each member's device, in order; None where the message's platforms know no identifier."""
    tokens: list[Device | None] = [member.get("token") for member in audience]
    if all(tokens):
        return tokens
    names = set[str]().union(*audience)
    known = frozenset[str]().union(*(IDENTIFIERS[platform] for platform in platforms))
    if names <= known and not _some_absent(audience, names):
        return [
            member.get("token") or (_canonical(member) if member else None) for member in audience
        ]
    return [device_of(member) if platform_of(member, platforms) else None for member in audience]


def device_of(member: Member) -> Device | None:
    """The device that a member's identifiers stand for; None if it has none at all."""
    if token := member.get("token"):
        return str(token)
    present = {name: value for name, value in member.items() if _present(name, value)}
    return _canonical(present) if present else None


def platform_of(member: Member, platforms: Sequence[str]) -> str | None:
    """The first platform of the message that knows one of the member's identifiers."""
    for platform in platforms:
        known = IDENTIFIERS[platform]
        if any(name in known and _present(name, value) for name, value in member.items()):
            return platform
    return None


def _some_absent(audience: Sequence[Member], names: set[str]) -> bool:
    return any(
        not _present(name, member[name])
        for name in names - {"devtodevId"}
        for member in audience
        if name in member
    )


def _present(name: str, value: Any) -> bool:
    """An advertising id of zeros is what devices report when tracking is off: nobody's."""
    return bool(value.strip("0-")) if name in _ADVERTISING else value != ""
