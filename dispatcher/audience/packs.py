"""The prepared members in packs, one for each chunk, in the source's order."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from dispatcher.audience.arrow import Texts
from dispatcher.audience.engine import Engine

_COLUMNS = {"variant": "variant", "zone": "zone::VARCHAR"}

_FETCHED = 2048
"""Rows fetched at a time: what DuckDB works on at a time."""

_BLOCK = 2048
"""Rows that are in memory together, however long they are."""

_MOST_BLOCKS = 1024
"""Of a stretch: the bits of its rows are copied for every few thousand of them."""

_MOST_BYTES = 8 << 20
"""Of the texts of a stretch, unless it is a single block."""

_BLOCKS = f"""
    SELECT sum(strlen(text))::BIGINT FROM checked
    GROUP BY rowid // {_BLOCK} ORDER BY rowid // {_BLOCK}"""

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


class Pack(NamedTuple):
    """One chunk's members, as the JSON of an array, and how many they are.

    They get the `variant` of this number and share their zone; those of a `canary` go first.
    """

    members: bytes
    size: int
    variant: int | None = None
    zone: str | None = None
    canary: bool = False


@dataclass(frozen=True, slots=True)
class Packing:
    """Packs the members that the engine's tables hold; those of one pack have the same `shared`.

    `drawn` tells whether some of them are, and go first.
    """

    engine: Engine
    shared: tuple[str, ...]
    drawn: bool

    def first(self, most: int) -> Iterator[Pack]:
        """Those who are drawn, at most so many in a pack; fetched, as they lie in no stretches."""
        for pack in self._fetched(iter([_DRAWN]), most):
            yield pack._replace(canary=True)

    def rest(self, most: int) -> Iterator[Pack]:
        """All others."""
        return self._packed(self._stretches(), most)

    def _packed(self, queries: Iterator[str], most: int) -> Iterator[Pack]:
        """The members of the queries, whose `columns` are still to be said."""
        if self.shared:
            return self._fetched(queries, most)
        texts = (self._texts(query.replace("{columns}", "text || ','")) for query in queries)
        return _joined(chain.from_iterable(texts), most)

    def _fetched(self, queries: Iterator[str], most: int) -> Iterator[Pack]:
        """The same, row by row."""
        columns = ", ".join(("text", *(_COLUMNS[name] for name in self.shared)))
        rows = (self._rows(query.replace("{columns}", columns)) for query in queries)
        return _dealt(chain.from_iterable(rows), self.shared, most)

    def _texts(self, query: str) -> Iterator[Texts]:
        with self.engine.texts(query) as texts:
            yield from texts

    def _rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        with self.engine.rows(query) as rows:
            yield from chain.from_iterable(iter(lambda: rows.fetchmany(_FETCHED), []))

    def _stretches(self) -> Iterator[str]:
        """A query for each of the stretches that follow on each other."""
        gone = _LEFT_OUT_OR_DRAWN if self.drawn else "left_out"
        with self.engine.rows(_BLOCKS) as rows:
            sizes = [size for (size,) in rows.fetchall()]
        begin = 0
        for blocks in _stretches_of(sizes):
            behind = begin + blocks * _BLOCK
            said = {"begin": begin, "last": behind - 1, "gone": gone, "columns": "{columns}"}
            yield _KEPT.format(**said)
            begin = behind


def _stretches_of(sizes: Sequence[int]) -> Iterator[int]:
    """So many blocks are a stretch each, of blocks of so many bytes."""
    blocks = taken = 0
    for size in sizes:
        if blocks and (blocks == _MOST_BLOCKS or taken + size > _MOST_BYTES):
            yield blocks
            blocks = taken = 0
        blocks += 1
        taken += size
    if blocks:
        yield blocks


def _joined(batches: Iterator[Texts], most: int) -> Iterator[Pack]:
    """The texts, each with a comma behind it, so many at a time."""
    parts: list[bytes] = []
    room = most
    for texts in batches:
        begin = 0
        while begin < texts.count:
            end = min(begin + room, texts.count)
            parts.append(texts.joined(begin, end))
            room -= end - begin
            begin = end
            if not room:
                yield _pack(parts, most)
                parts, room = [], most
    if parts:
        yield _pack(parts, most - room)


def _pack(parts: Sequence[bytes], size: int) -> Pack:
    return Pack(b"[%b]" % b"".join(parts)[:-1], size)


def _dealt(members: Iterator[tuple[Any, ...]], shared: Sequence[str], most: int) -> Iterator[Pack]:
    """The members of each portion, so many at a time, each pack once it is full."""
    texts: defaultdict[tuple[Any, ...], list[str]] = defaultdict(list)
    for text, *portion in members:
        of = tuple(portion)
        texts[of].append(text)
        if len(texts[of]) == most:
            yield _dealt_pack(texts.pop(of), shared, of)
    for of, rest in texts.items():
        yield _dealt_pack(rest, shared, of)


def _dealt_pack(texts: Sequence[str], shared: Sequence[str], portion: tuple[Any, ...]) -> Pack:
    members = f"[{','.join(texts)}]".encode()
    return Pack(members, len(texts), **dict(zip(shared, portion, strict=True)))
