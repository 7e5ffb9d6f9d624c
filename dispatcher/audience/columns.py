"""Which identifier a column holds: names match without regard to case and `_`, or as told.

The same for the header of a CSV file, the columns of a Parquet file and the keys of rows.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from dispatcher.audience.absent import trimmed
from dispatcher.audience.identifiers import IDENTIFIERS, Identifier
from dispatcher.errors import AudienceError, OptionError

ALL = "all"
"""As ignored columns: all that are no identifier."""

_PANDAS_INDEX = re.compile(r"__index_level_\d+__")
_UNNAMED_BY_PANDAS = re.compile(r"Unnamed: \d+(_level_\d+)?(\.\d+)?")


class Role(Enum):
    """What a column is that holds no identifier."""

    LEFT_OUT = "left out"
    UNNAMED = "unnamed"
    UNKNOWN = "unknown"
    VARIANT = "variant"
    ZONE = "zone"


BESIDE = {Role.VARIANT: "--variant-column", Role.ZONE: "--zone-column"}
"""What a column may say of a member besides who that is, and the option that names the column."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a person says about the columns.

    `named` gives the identifier in a column, by the name that the file has for it; `ignored` are
    left out, and with `only_identifiers` all are that are no identifier. `beside` are the columns
    that say something else of a member.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    only_identifiers: bool = False
    beside: Mapping[Role, str] = field(default_factory=dict)

    def role(self, name: str, identifiers: Iterable[Identifier]) -> Identifier | Role:
        """What a column of this name holds, for a message whose platforms know `identifiers`."""
        known = {each.name: each for each in identifiers}
        if name in self.named:
            return known.get(self.named[name], Role.UNKNOWN)
        for role, other in self.beside.items():
            if folded(name) == folded(other):
                return role
        if name in self.ignored:
            return Role.LEFT_OUT
        plain = folded(name)
        if is_unnamed(name):
            return Role.LEFT_OUT if self.only_identifiers else Role.UNNAMED
        for identifier in known.values():
            if folded(identifier.name) == plain:
                return identifier
        if plain in map(folded, self.ignored) or _PANDAS_INDEX.fullmatch(name):
            return Role.LEFT_OUT
        return Role.LEFT_OUT if self.only_identifiers else Role.UNKNOWN

    def knows(self, name: str) -> bool:
        """Whether a column of this name holds an identifier of any platform."""
        return isinstance(self.role(name, IDENTIFIERS), Identifier)


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one file.

    `names` are the file's; `held` says at which places each identifier stands: one in a table,
    and perhaps several where each row has names of its own. `unnamed` are the places of columns
    without a name, `beside` those that say something else of a member. `left_out` names those that
    are not read, and so is any other with `only_identifiers`. `known` are all that could be there.
    """

    names: tuple[str, ...]
    held: dict[Identifier, tuple[int, ...]]
    unnamed: tuple[int, ...] = ()
    left_out: tuple[str, ...] = ()
    known: tuple[Identifier, ...] = ()
    only_identifiers: bool = False
    beside: Mapping[Role, tuple[int, ...]] = field(default_factory=dict)

    def told(self) -> Iterator[str]:
        """A sentence on each column that is not simply read as what its name says."""
        for identifier, places in self.held.items():
            for name in (self.names[place] for place in places):
                if name != identifier.name and folded(name) == folded(identifier.name):
                    yield f"The column {name!r} is read as {identifier.name}."
        if 0 in self.unnamed:
            yield "The first column, which has no name, is left out, as pandas' index is."
        strangers = [repr(name) for name in self.left_out]
        if len(strangers) == 1:
            yield f"The column {strangers[0]} is left out."
        elif strangers:
            more = f" and {len(strangers) - _SHOWN:,} more" if len(strangers) > _SHOWN else ""
            yield f"These columns are left out: {', '.join(strangers[:_SHOWN])}{more}."


_SHOWN = 10


def columns(
    named: Mapping[str, str] | None,
    ignored: Iterable[str] | str | None,
    beside: Mapping[Role, str] | None = None,
) -> Columns:
    """What `columns` and `ignore_columns` say, and the columns that say something `beside`.

    Raises OptionError where they cannot be followed.
    """
    said = _columns(named, ignored)
    for role, name in (beside or {}).items():
        what = role.value
        if is_unnamed(name) or isinstance(said.role(name, IDENTIFIERS), Identifier):
            raise OptionError(
                f"The column {name!r} ({BESIDE[role]}) holds an identifier or has no name: "
                f"{what}s stand in a column of their own."
            )
        if folded(name) in map(folded, said.ignored):
            raise OptionError(f"The column {name!r} is left out, and says the {what}: choose one.")
        if folded(name) in map(folded, said.beside.values()):
            raise OptionError(f"The column {name!r} cannot say both the variant and the zone.")
        said = replace(said, beside={**said.beside, role: name})
    return said


def _columns(named: Mapping[str, str] | None, ignored: Iterable[str] | str | None) -> Columns:
    wanted = {}
    for name, identifier in (named or {}).items():
        known = {folded(each.name): each.name for each in IDENTIFIERS}
        found = known.get(folded(identifier)) if isinstance(identifier, str) else None
        if found is None or not isinstance(name, str):
            raise OptionError(
                f"The column {name!r} cannot be {identifier!r}: known are "
                f"{', '.join(known.values())}, as in `--column customer_id=userId`."
            )
        wanted[name] = found
    if ignored is None:
        return Columns(wanted)
    left_out = [ignored] if isinstance(ignored, str) else list(ignored)
    for name in left_out:
        if not isinstance(name, str):
            raise OptionError(f"ignore_columns holds {name!r}: give names, or {ALL!r}.")
    if left_out == [ALL]:
        return Columns(wanted, only_identifiers=True)
    return Columns(wanted, frozenset(left_out))


def layout(
    source: str, names: Sequence[str], identifiers: Sequence[Identifier], said: Columns
) -> Layout:
    """The layout of a table with columns of these names.

    Raises AudienceError for a column that is no identifier, two that are the same one, and where
    there is none at all. `source` is what the person called it.
    """
    roles = [said.role(name, identifiers) for name in names]
    held: dict[Identifier, tuple[int, ...]] = {}
    beside: dict[Role, tuple[int, ...]] = {}
    for place, role in enumerate(roles):
        if isinstance(role, Role) and role in BESIDE:
            _check_alone(source, names, beside.get(role, ()), place, f"the {role.value}'s")
            beside[role] = (place,)
        if role is Role.UNKNOWN:
            lacking = [each for each in said.beside if each not in roles]
            raise _stranger(source, names[place], identifiers, said, lacking)
        if isinstance(role, Identifier):
            _check_alone(source, names, held.get(role, ()), place, role.name)
            held[role] = (place,)
    if not held:
        raise AudienceError(
            f"The audience {source} has no column with an identifier; known are "
            f"{listed(identifiers)}."
        )
    return Layout(
        tuple(names),
        {each: held[each] for each in identifiers if each in held},
        unnamed=tuple(place for place, role in enumerate(roles) if role is Role.UNNAMED),
        left_out=tuple(names[at] for at, role in enumerate(roles) if role is Role.LEFT_OUT),
        beside=beside,
    )


def layout_of_keys(
    names: Iterable[str], identifiers: Sequence[Identifier], said: Columns
) -> Layout:
    """The layout of rows that have names of their own, these among them."""
    roles = {name: said.role(name, identifiers) for name in names}
    if not any(isinstance(role, Identifier) for role in roles.values()):
        roles |= {each.name: each for each in identifiers}
    left_out = [name for name, role in roles.items() if role is Role.LEFT_OUT]
    read = [name for name, role in roles.items() if isinstance(role, Identifier)]
    read += [name for name, role in roles.items() if role in (Role.UNNAMED, *BESIDE)]
    read += [] if said.only_identifiers else left_out
    places = {
        each: tuple(place for place, name in enumerate(read) if roles[name] == each)
        for each in identifiers
    }
    return Layout(
        tuple(read),
        {each: found for each, found in places.items() if found},
        unnamed=tuple(place for place, name in enumerate(read) if roles[name] is Role.UNNAMED),
        left_out=tuple(left_out),
        known=tuple(identifiers),
        only_identifiers=said.only_identifiers,
        beside={
            role: tuple(place for place, name in enumerate(read) if roles[name] is role)
            for role in BESIDE
            if role in roles.values()
        },
    )


def text_of(role: Role) -> str:
    """What stands in the column of this role, as the SQL column that a source gives."""
    return f'"{role.value} text"'


def is_unnamed(name: str) -> bool:
    """Whether this is no name: blank, or what pandas says for that."""
    return not trimmed(name) or _UNNAMED_BY_PANDAS.fullmatch(name) is not None


def folded(name: str) -> str:
    """The name without what makes no difference: case, `_`, and blanks around it."""
    return trimmed(name).replace("_", "").lower()


def listed(identifiers: Iterable[Identifier]) -> str:
    """The identifiers' names, for a sentence."""
    return ", ".join(each.name for each in identifiers)


_BESIDE_MEMBERS = {
    **dict.fromkeys(("zone", "timezone", "tz"), Role.ZONE),
    **dict.fromkeys(("variant", "language", "lang", "locale"), Role.VARIANT),
}
_TELLS = {Role.ZONE: "whose clock counts", Role.VARIANT: "which text somebody gets"}


def may_tell(name: str) -> Role | None:
    """What a column of this name often tells besides who the members are."""
    return _BESIDE_MEMBERS.get(folded(name))


BUT_FOR = " Or does it tell"
"""How a question begins that makes sense of an audience alone: of no other list of people."""


def _hint(name: str) -> str:
    role = may_tell(name)
    return f"{BUT_FOR} {_TELLS[role]} ({BESIDE[role]} {name})?" if role else ""


def _stranger(
    source: str,
    name: str,
    identifiers: Sequence[Identifier],
    said: Columns,
    lacking: Iterable[Role],
) -> AudienceError:
    if name in said.named:
        what = f"is {said.named[name]}, as you say, which no platform of the message knows"
        return AudienceError(
            f"The audience {source} has the column {name!r}, which {what}; known are "
            f"{listed(identifiers)}."
        )
    return AudienceError(
        f"The audience {source} has the column {name!r}, which no platform of the message knows; "
        f"known are {listed(identifiers)}. Say what it is (--column NAME=identifier), or leave it "
        "out (--ignore-columns)."
        + _hint(name)
        + "".join(f" It has no column {said.beside[each]!r} ({BESIDE[each]})." for each in lacking)
    )


def _check_alone(
    source: str, names: Sequence[str], places: Sequence[int], place: int, role: str
) -> None:
    for other in places:
        if names[other] == names[place]:
            raise AudienceError(
                f"The header of the audience {source} has the column {names[place]!r} twice: keep "
                "one."
            )
        raise AudienceError(
            f"The audience {source} has the columns {names[other]!r} and {names[place]!r}, which "
            f"both are {role}: leave one out (--ignore-columns)."
        )
