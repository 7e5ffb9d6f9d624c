"""What an audience's members are, whatever their order, as a text that can be stored.

Each member has a key: the MD5 of a salt and of what it is known by. The keys are counted, and their
upper and lower halves are summed as whole numbers. Whoever does not know the salt cannot choose
members so that another audience comes to the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dispatcher.audience.checking import folded, key_of, known_by, member
from dispatcher.audience.engine import Engine, literal
from dispatcher.audience.identifiers import TOKEN, Identifier
from dispatcher.audience.reasons import Reason

SUMS = f"""
    count(key), coalesce(sum((key >> 64)::UBIGINT), 0),
    coalesce(sum((key & {2**64 - 1})::UBIGINT), 0)"""
"""What a `Sum` takes, of a column of keys."""

_MEMBERS = f"""
    SELECT {{expression}} FROM (
        SELECT {{key}} AS key{{further}} FROM checked
        WHERE key IS NOT NULL AND rowid NOT IN (
            SELECT place FROM left_out WHERE reason < {literal(Reason.STANDING)}::reason))"""

_COUNTS = """
    SELECT {variant}, {zone}, count(*) FROM checked
    WHERE key IS NOT NULL AND rowid NOT IN (SELECT place FROM left_out) {further} GROUP BY ALL"""


Portion: TypeAlias = tuple[int | None, str | None]
"""What the members of one chunk have in common: a variant's number, and a zone in lower case."""


@dataclass(frozen=True, slots=True)
class Sum:
    """So many keys, and their halves, summed."""

    count: int
    upper: int
    lower: int

    def __sub__(self, other: "Sum") -> "Sum":
        return Sum(self.count - other.count, self.upper - other.upper, self.lower - other.lower)

    def __str__(self) -> str:
        return f"{self.count:016x}{self.upper:024x}{self.lower:024x}"


def under(
    engine: Engine, identifiers: Sequence[Identifier], salt: str, variants: Sequence[str] = ()
) -> str:
    """The digest of the prepared members with keys of this salt, worked out of their JSON."""
    values = _values(identifiers)
    plain = [(each, folded(each, value)) for each, value in values]
    key = key_of(known_by(values, plain, "text"), salt)
    if variants:
        return of_variants(by_variant(engine, variants, key))
    return str(Sum(*engine.run(_MEMBERS.format(expression=SUMS, key=key, further=""))))


def by_variant(engine: Engine, variants: Sequence[str], key: str = "key") -> dict[str, Sum]:
    """The keys of each variant's members, summed; `key` is the expression of one."""
    query = _MEMBERS.format(expression=f"variant, {SUMS}", key=key, further=", variant")
    with engine.rows(f"{query} GROUP BY variant") as rows:
        sums = {variants[number - 1]: Sum(*found) for number, *found in rows.fetchall()}
    return {name: sums.get(name, Sum(0, 0, 0)) for name in variants}


def of_variants(sums: Mapping[str, Sum]) -> str:
    """The digest of the members and of which variant each gets; the variants' order is nothing."""
    return "".join(str(sums[name]) for name in sorted(sums))


def counts(
    engine: Engine, variants: bool, zones: bool, *, drawn: bool = False
) -> dict[Portion, int]:
    """How many members share a variant and a zone, by its number and its name; None: no such.

    Only of those that are `drawn`, where that is asked.
    """
    query = _COUNTS.format(
        variant="variant" if variants else "NULL",
        zone="zone::VARCHAR" if zones else "NULL",
        further="AND rowid IN (SELECT place FROM drawn)" if drawn else "",
    )
    with engine.rows(query) as rows:
        return {(variant, zone): count for variant, zone, count in rows.fetchall()}


def former(engine: Engine) -> str:
    """The digest that was stored before keys had salts: the exclusive or of the members' MD5."""
    token = f"json_extract(text, {literal(f'$.{TOKEN.name}')})::VARCHAR"
    known = f"CASE WHEN {token} IS NULL THEN text ELSE {member([(TOKEN, token)])} END"
    query = _MEMBERS.format(expression="bit_xor(key)", key=key_of(known, ""), further="")
    found = engine.run(query)
    return f"{found[0]:032x}"


def _values(identifiers: Sequence[Identifier]) -> list[tuple[Identifier, str]]:
    return [
        (each, f"json_extract(text, {literal(f'$.{each.name}')})::VARCHAR") for each in identifiers
    ]
