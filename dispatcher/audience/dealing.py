"""Which member gets which of a message's texts: by a column of the audience, or dealt at random.

Said in SQL, for every kind of source. A variant has a number, its place in the message from 1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from dispatcher.audience.absent import Absent
from dispatcher.audience.columns import Role, folded, text_of
from dispatcher.audience.engine import literal
from dispatcher.audience.phrases import without_blanks
from dispatcher.words import counted

_TEXT = text_of(Role.VARIANT)
_BARE, _FOUND = '"variant bare"', '"variant found"'
_SPLIT_INTO = 2**32
_SHOWN = 10
"""Names in the reason of a row."""


class Dealt(NamedTuple):
    """Expressions: the columns to be worked out one after the other, and of these the variant's
    number, why the row has none, and what is told of it.
    """

    columns: tuple[tuple[str, str], ...]
    number: str
    fault: str = "NULL"
    told: str = "NULL"


@dataclass(frozen=True, slots=True)
class ByColumn:
    """What stands in the column `name` says it; whoever names no variant gets the `default`."""

    name: str
    variants: tuple[str, ...]
    default: str | None

    @property
    def content(self) -> list[object]:
        """What of it belongs to what a key stands for."""
        return ["column", self.name]

    def share(self, name: str) -> float | None:
        """None: the column says it, and no share."""
        return None

    def is_in(self, column: str) -> bool:
        """Whether a column of this name is meant."""
        return folded(column) == folded(self.name)

    def dealt(self, absent: Absent) -> Dealt:
        """The name as it stands there counts first, then one that differs in case alone."""
        numbers = {name: number for number, name in enumerate(self.variants, 1)}
        plain: dict[str, int | None] = {}
        for name, number in numbers.items():
            plain[name.lower()] = None if name.lower() in plain else number
        exact = _number_of(_BARE, numbers)
        spelt = _number_of(f"lower({_BARE})", {a: n for a, n in plain.items() if n is not None})
        default = "NULL" if self.default is None else str(numbers[self.default])
        nothing = is_nothing(_BARE, absent)
        return Dealt(
            (
                (_BARE, bare(_TEXT)),
                (_FOUND, f"coalesce({exact}, {spelt})"),
            ),
            number=f"coalesce({_FOUND}, {default})::UTINYINT",
            fault=self._fault(nothing),
            told=f"""coalesce({where_missing(_FOUND, nothing, "variant none", "variant unknown")},
                CASE WHEN {exact} IS NULL THEN 'variant spelt' END)""",
        )

    def notes(self, counts: Mapping[str, int]) -> Iterator[str]:
        """Sentences on the rows that do not say their variant as the message does."""
        none, unknown = counts.get("none", 0), counts.get("unknown", 0)
        if none + unknown:
            yield (
                f"{rows(none + unknown, 'gets', 'get')} the default, {self.default}: {none:,} "
                f"without a value in the column {self.name!r}, {unknown:,} with one that names no "
                "variant."
            )
        if spelt := counts.get("spelt", 0):
            yield (
                f"{rows(spelt, 'names', 'name')} a variant in other letters, upper or lower, in "
                f"the column {self.name!r}."
            )

    def _fault(self, nothing: str) -> str:
        if self.default is not None:
            return "NULL"
        more = ", ..." if len(self.variants) > _SHOWN else ""
        known = f"known are {', '.join(self.variants[:_SHOWN])}{more}"
        none = f"has no variant in the column {self.name!r}; {known}"
        unknown = f"names no variant in the column {self.name!r}; {known}"
        return where_missing(_FOUND, nothing, none, unknown)


@dataclass(frozen=True, slots=True)
class BySplit:
    """A hash of whom a row is known by says it, so that the same salt deals alike.

    `weights` are shares of the members, of one for all.
    """

    weights: Mapping[str, float]
    salt: str

    @property
    def variants(self) -> tuple[str, ...]:
        """The names in the message's order."""
        return tuple(self.weights)

    @property
    def content(self) -> list[object]:
        """What of it belongs to what a key stands for."""
        return ["split", sorted(self.weights.items())]

    def share(self, name: str) -> float:
        """That of the members to whom this variant is dealt."""
        return self.weights[name]

    def dealt(self, known: str) -> Dealt:
        """`known` is the expression of whom a row is known by."""
        bounds, reached = [], 0.0
        for weight in self.weights.values():
            reached += weight
            bounds.append(round(reached * _SPLIT_INTO))
        cases = " ".join(
            f'WHEN "variant hash" < {bound} THEN {number}'
            for number, bound in enumerate(bounds[:-1], 1)
        )
        hashed = f"(md5_number({literal(self.salt)} || {known}) & {_SPLIT_INTO - 1})::UBIGINT"
        number = f"CASE {cases} ELSE {len(bounds)} END" if cases else "1"
        return Dealt((('"variant hash"', hashed),), number=f"({number})::UTINYINT")


Dealing: TypeAlias = ByColumn | BySplit


def _number_of(text: str, numbers: Mapping[str, int]) -> str:
    cases = " ".join(f"WHEN {literal(name)} THEN {number}" for name, number in numbers.items())
    return f"CASE {text} {cases} END" if cases else "NULL"


def bare(text: str) -> str:
    """The text of a cell without blanks around it, as an expression."""
    may_have_blanks = (
        f"{text} < '!' OR suffix({text}, ' ') OR ends_with({text}, chr(9))"
        f" OR length({text}) <> strlen({text})"
    )
    return f"CASE WHEN {may_have_blanks} THEN {without_blanks(text)} ELSE {text} END"


def is_nothing(bare: str, absent: Absent) -> str:
    """Whether a cell's text stands for nothing, as an expression."""
    words = f"[{', '.join(map(literal, sorted(absent.words | {''})))}]"
    return f"({bare} IS NULL OR list_contains({words}, lower({bare})))"


def where_missing(found: str, nothing: str, none: str, unknown: str) -> str:
    """What is said of a row in whose column nothing was `found`, as an expression; else NULL."""
    words = f"CASE WHEN {nothing} THEN {literal(none)} ELSE {literal(unknown)} END"
    return f"CASE WHEN {found} IS NULL THEN {words} END"


def rows(count: int, one: str, many: str) -> str:
    """So many rows, and the verb that goes with one or with several."""
    return f"{counted(count, 'row')} {one if count == 1 else many}"
