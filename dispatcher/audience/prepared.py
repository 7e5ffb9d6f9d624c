"""A frozen audience: what was counted, and its members, a thousand at a time."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dispatcher.audience import digests
from dispatcher.audience.digests import Portion
from dispatcher.audience.drawing import MOST_TOGETHER
from dispatcher.audience.engine import Engine, literal
from dispatcher.audience.identifiers import Identifier
from dispatcher.audience.packs import Pack, Packing
from dispatcher.audience.progress import Reporter
from dispatcher.audience.reasons import Reason
from dispatcher.audience.rejects import Reject
from dispatcher.errors import AudienceError
from dispatcher.schedule import zone_names

MAX_MEMBERS = 1000
"""Of one chunk: the Push API refuses a longer audience array (code 27)."""

_HELD = """
    SELECT {places} FROM checked
    WHERE key IS NOT NULL AND rowid NOT IN (SELECT place FROM left_out)"""

_FIRST_LEFT_OUT = """
    SELECT place + 1, text FROM left_out JOIN checked ON checked.rowid = place
    WHERE reason = {reason} ORDER BY place LIMIT {most}"""


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
        packing = Packing(self.engine, self._shared, bool(self.drawn))
        if self.drawn:
            yield from packing.first(MOST_TOGETHER)
        yield from packing.rest(MAX_MEMBERS)

    @property
    def _shared(self) -> tuple[str, ...]:
        """What the members of one chunk have in common, by its column."""
        variant = () if self.variant_names is None else ("variant",)
        return (*variant, *(("zone",) if any(zone for _, zone in self.portions) else ()))


def _key(identifier: Identifier) -> str:
    """How an identifier's key stands in a member's JSON, and nothing else does."""
    return f'"{identifier.name}":'
