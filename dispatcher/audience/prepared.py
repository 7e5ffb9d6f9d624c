"""A frozen audience: what was counted, and its members, a thousand at a time."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import itemgetter
from typing import Any, NamedTuple

import duckdb

from dispatcher.audience import digests
from dispatcher.audience.digests import Portion
from dispatcher.audience.drawing import MOST_TOGETHER
from dispatcher.audience.engine import Engine, literal
from dispatcher.audience.identifiers import Identifier
from dispatcher.audience.progress import Reporter
from dispatcher.audience.reasons import Reason
from dispatcher.audience.rejects import Reject
from dispatcher.errors import AudienceError
from dispatcher.schedule import zone_names

MAX_MEMBERS = 1000
"""Of one chunk: the Push API refuses a longer audience array (code 27)."""

_FETCHED = 2048
"""Rows fetched at a time: what DuckDB works on at a time."""

_COLUMNS = {"variant": "variant", "zone": "zone::VARCHAR"}

_WINDOW = 1 << 21
"""Rows whose bits are looked at together; they are copied for every few thousand rows."""

# A join with `left_out` would give up the order of the rows, and sorting the texts takes far longer
# than to look a place up in a string of bits.
_KEPT = """
    SET VARIABLE gone = (SELECT bitstring_agg(place - {begin}, 0, {last} - {begin}) FROM {gone}
                         WHERE place BETWEEN {begin} AND {last});
    SELECT {columns} FROM checked
    WHERE rowid BETWEEN {begin} AND {last} AND key IS NOT NULL
      AND coalesce(get_bit(getvariable('gone'), (rowid - {begin})::INTEGER), 0) = 0"""

_LEFT_OUT_OR_DRAWN = "(SELECT place FROM left_out UNION ALL SELECT place FROM drawn)"

_DRAWN = """
    SELECT {columns} FROM drawn JOIN checked ON checked.rowid = place ORDER BY place"""

_HELD = """
    SELECT {places} FROM checked
    WHERE key IS NOT NULL AND rowid NOT IN (SELECT place FROM left_out)"""

_FIRST_LEFT_OUT = """
    SELECT place + 1, text FROM left_out JOIN checked ON checked.rowid = place
    WHERE reason = {reason} ORDER BY place LIMIT {most}"""


class Pack(NamedTuple):
    """The members of one chunk, the number of the variant that they get, and their zone.

    Those of a `canary` go first.
    """

    members: list[str]
    variant: int | None = None
    zone: str | None = None
    canary: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frozen audience, on disk until the end of the `with` that made it.

    `read` = `invalid` + `duplicates` + `suppressed` + `excluded` + `total`; `absent` counts cells.
    `digest` is a hexadecimal text that depends on the distinct members, their variants and the salt
    alone, not on their order; the excluded are among these members. `portions` counts the members
    of each variant and zone, and `drawn` those among them who go first; `variant_names` are in the
    order of variants' numbers. `refusal` says why nobody is left, where that is so.
    """

    read: int
    invalid: int
    duplicates: int
    suppressed: int
    excluded: int
    total: int
    absent: int
    digest: str
    salt: str
    variant_names: tuple[str, ...] | None
    portions: Mapping[Portion, int]
    drawn: Mapping[Portion, int]
    refusal: AudienceError | None
    identifiers: tuple[Identifier, ...] = field(repr=False)
    first_invalid: tuple[Reject, ...] = field(repr=False)
    engine: Engine = field(repr=False, compare=False)
    reporter: Reporter = field(repr=False, compare=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out, or read otherwise than it stands there: sentences for the person."""
        return tuple(self.reporter.notes)

    @property
    def chunks(self) -> int:
        """How many chunks the members fill."""
        drawn = self.drawn
        rest = (count - drawn.get(portion, 0) for portion, count in self.portions.items())
        return self.canary_chunks + sum(-(-count // MAX_MEMBERS) for count in rest)

    @property
    def canary(self) -> int:
        """How many members go first."""
        return sum(self.drawn.values())

    @property
    def canary_chunks(self) -> int:
        """How many chunks those fill."""
        return sum(-(-count // MOST_TOGETHER) for count in self.drawn.values())

    @property
    def variants(self) -> dict[str, int]:
        """The members of each variant by its name, in the order of their numbers."""
        found = Counter[int | None]()
        for (variant, _), count in self.portions.items():
            found[variant] += count
        return {name: found[number] for number, name in enumerate(self.variant_names or (), 1)}

    @property
    def zones(self) -> dict[str, int]:
        """The members of each zone by its name as IANA writes it, in the order of names."""
        found = Counter[str]()
        for (_, zone), count in self.portions.items():
            if zone is not None:
                found[zone_names()[zone]] += count
        return dict(sorted(found.items()))

    def digest_under(self, salt: str) -> str:
        """What `digest` would be with this salt; takes a second for a million members."""
        if salt == self.salt:
            return self.digest
        return digests.under(self.engine, self.identifiers, salt, self.variant_names or ())

    def held(self) -> dict[str, int]:
        """How many members have each of the identifiers that any has."""
        places = ", ".join(
            f"count(*) FILTER (contains(text, {literal(_key(each))}))" for each in self.identifiers
        )
        counts = self.engine.run(_HELD.format(places=places))
        names = (each.name for each in self.identifiers)
        return {name: count for name, count in zip(names, counts, strict=True) if count}

    def former_digest(self) -> str:
        """What was stored as the digest of these members before there were salts."""
        return digests.former(self.engine)

    def first_left_out(self, reason: Reason, most: int) -> list[tuple[int, str]]:
        """The first rows that are left out for this reason: (ordinal from 1, the member's JSON)."""
        query = _FIRST_LEFT_OUT.format(reason=literal(reason), most=most)
        with self.engine.rows(query) as rows:
            return rows.fetchall()

    def packs(self) -> Iterator[Pack]:
        """The members' JSON texts, in the source's order, a thousand at a time.

        A pack holds members of one variant and one zone. Where there are several, each is given
        once it is full: so all of them go out at the same time, however long that takes. Before all
        come those who are drawn, fifty at a time.
        """
        if self.drawn:
            for pack in self._packed(self._first(), MOST_TOGETHER):
                yield pack._replace(canary=True)
        yield from self._packed(self._rest(), MAX_MEMBERS)

    def _packed(self, members: Iterator[tuple[Any, ...]], most: int) -> Iterator[Pack]:
        shared = self._shared
        return _dealt(members, shared, most) if shared else _packed(members, most)

    @property
    def _shared(self) -> tuple[str, ...]:
        """What the members of one chunk have in common, by its column."""
        variant = () if self.variant_names is None else ("variant",)
        return (*variant, *(("zone",) if any(zone for _, zone in self.portions) else ()))

    @property
    def _columns(self) -> str:
        """The text of each member, and what it shares."""
        return ", ".join(("text", *(_COLUMNS[name] for name in self._shared)))

    def _first(self) -> Iterator[tuple[Any, ...]]:
        """Those who are drawn, in the source's order."""
        with self.engine.rows(_DRAWN.format(columns=self._columns)) as rows:
            yield from _streamed(rows)

    def _rest(self) -> Iterator[tuple[Any, ...]]:
        """All others, in the source's order."""
        gone = _LEFT_OUT_OR_DRAWN if self.drawn else "left_out"
        for begin in range(0, self.read, _WINDOW):
            last = begin + _WINDOW - 1
            query = _KEPT.format(columns=self._columns, gone=gone, begin=begin, last=last)
            with self.engine.rows(query) as rows:
                yield from _streamed(rows)


def _streamed(rows: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    return chain.from_iterable(iter(lambda: rows.fetchmany(_FETCHED), []))


def _key(identifier: Identifier) -> str:
    """How an identifier's key stands in a member's JSON, and nothing else does."""
    return f'"{identifier.name}":'


def _packed(members: Iterator[tuple[Any, ...]], most: int) -> Iterator[Pack]:
    texts = map(itemgetter(0), members)
    while pack := list(islice(texts, most)):
        yield Pack(pack)


def _dealt(members: Iterator[tuple[Any, ...]], shared: Sequence[str], most: int) -> Iterator[Pack]:
    packs: defaultdict[tuple[Any, ...], list[str]] = defaultdict(list)
    for member in members:
        pack = packs[member[1:]]
        pack.append(member[0])
        if len(pack) == most:
            yield Pack(pack, **dict(zip(shared, member[1:], strict=True)))
            del packs[member[1:]]
    for portion, pack in packs.items():
        yield Pack(pack, **dict(zip(shared, portion, strict=True)))
