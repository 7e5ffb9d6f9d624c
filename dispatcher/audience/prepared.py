"""A frozen audience: what was counted, and its members, a thousand at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import duckdb

from dispatcher.audience import digests
from dispatcher.audience.engine import Engine, literal
from dispatcher.audience.identifiers import Identifier
from dispatcher.audience.progress import Reporter
from dispatcher.audience.reasons import Reason
from dispatcher.audience.rejects import Reject

MAX_MEMBERS = 1000
"""Of one chunk: the Push API refuses a longer audience array (code 27)."""

_FETCHED = 2048
"""Rows fetched at a time: what DuckDB works on at a time."""

_VALID = "SELECT rowid, text FROM checked WHERE key IS NOT NULL"

_LEFT_OUT = "SELECT place FROM left_out ORDER BY place"

_FIRST_LEFT_OUT = """
    SELECT place + 1, text FROM left_out JOIN checked ON checked.rowid = place
    WHERE reason = {reason} ORDER BY place LIMIT {most}"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frozen audience, on disk until the end of the `with` that made it.

    `read` = `invalid` + `duplicates` + `suppressed` + `excluded` + `total`; `absent` counts cells.
    `digest` is a hexadecimal text that depends on the distinct members and the salt alone, not on
    their order; the excluded are among these members.
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
        return -(-self.total // MAX_MEMBERS)

    def digest_under(self, salt: str) -> str:
        """What `digest` would be with this salt; takes a second for a million members."""
        if salt == self.salt:
            return self.digest
        return digests.under(self.engine, self.identifiers, salt)

    def former_digest(self) -> str:
        """What was stored as the digest of these members before there were salts."""
        return digests.former(self.engine)

    def first_left_out(self, reason: Reason, most: int) -> list[tuple[int, str]]:
        """The first rows that are left out for this reason: (ordinal from 1, the member's JSON)."""
        query = _FIRST_LEFT_OUT.format(reason=literal(reason), most=most)
        with self.engine.rows(query) as rows:
            return rows.fetchall()

    def packs(self) -> Iterator[list[str]]:
        """The members' JSON texts, in the source's order, a thousand at a time."""
        with self.engine.rows(_VALID) as valid, self.engine.rows(_LEFT_OUT) as left_out:
            texts = _without(_streamed(valid), _streamed(left_out))
            while pack := list(islice(texts, MAX_MEMBERS)):
                yield pack


def _streamed(rows: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    return chain.from_iterable(iter(lambda: rows.fetchmany(_FETCHED), []))


def _without(valid: Iterator[tuple[int, str]], places: Iterator[tuple[int]]) -> Iterator[str]:
    """The texts whose place is not among `places`; both come in the order of places.

    A join would do it too, but gives up that order, and sorting the texts takes far longer.
    """
    (leave_out,) = next(places, (None,))
    for place, text in valid:
        if place == leave_out:
            (leave_out,) = next(places, (None,))
        else:
            yield text
