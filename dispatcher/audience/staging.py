"""An audience as a table of the engine: a row for each of its own, see `checking`, in order."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb
import orjson

from dispatcher.audience import columns as named
from dispatcher.audience import rejects as rejected
from dispatcher.audience import sources, unpacking
from dispatcher.audience.checking import checked_rows
from dispatcher.audience.columns import Layout, Role
from dispatcher.audience.digests import SUMS, Sum
from dispatcher.audience.engine import Engine, file_name, literal, unreadable
from dispatcher.audience.identifiers import Identifier
from dispatcher.audience.parts import Listing
from dispatcher.audience.phrases import NO_NAME, UNKNOWN_KEY
from dispatcher.audience.progress import Phase, Reporter
from dispatcher.audience.reading_parquet import columns_of
from dispatcher.audience.rejects import Rejects
from dispatcher.audience.rules import Rules
from dispatcher.audience.sources import CsvFile, CsvRows, JsonLines, Opened, ParquetFile
from dispatcher.audience.told import Told
from dispatcher.errors import AudienceError

_COUNTS = f"SELECT count(*), {SUMS} FROM {{table}}"

_UNKNOWN_KEYS = f"""
    SELECT DISTINCT substring(text, {len(UNKNOWN_KEY) + 1}) FROM part
    WHERE key IS NULL AND starts_with(text, {literal(UNKNOWN_KEY)}) LIMIT 1000"""

_WHOLE = f"""
    SELECT rowid, text FROM part
    WHERE key IS NULL AND (starts_with(text, {literal(UNKNOWN_KEY)})
                           OR starts_with(text, {literal(NO_NAME)}))
    ORDER BY rowid LIMIT 1"""

_COUNT_INVALID = "SELECT count(*) - count(key) FROM part"

_INVALID = "SELECT rowid, text FROM part WHERE key IS NULL ORDER BY rowid"

_TAKE = "ALTER TABLE part RENAME TO {table}"

_ADD = "INSERT INTO {table} FROM part"

_FORGET = "DROP TABLE IF EXISTS part"

_LOOKED_AT_FIRST = 1000
"""Rows, for the names in them."""


@dataclass(frozen=True, slots=True)
class Staged:
    """How many rows were read, and the keys of the valid ones summed."""

    read: int
    keys: Sum

    @property
    def invalid(self) -> int:
        """How many rows are not valid."""
        return self.read - self.keys.count


@dataclass(frozen=True, slots=True)
class Staging:
    """Fills the table `table` from an audience's parts, each of which goes through a table `part`.

    What has to be spooled goes to `directory`; `compared` have columns of their own.
    """

    engine: Engine
    directory: Path
    identifiers: tuple[Identifier, ...]
    rules: Rules
    told: Told
    reporter: Reporter
    table: str
    compared: tuple[Identifier, ...] = ()

    def stage(self, listing: Listing, rejects: Rejects) -> Staged:
        """Fill the table with the rows of all parts, and let `rejects` take the invalid ones.

        Raises AudienceError where a part cannot be read, or names what no platform knows.
        """
        columns = self.rules.columns
        for number, part in enumerate(listing.parts):
            with sources.opened(part, columns, self.directory, self.reporter) as source:
                self._stage(source, rejects)
            self.engine.run((_TAKE if number == 0 else _ADD).format(table=self.table))
            self.engine.run(_FORGET)
        self.told.count(self.engine, self.table, self.rules)
        read, *keys = self.engine.run(_COUNTS.format(table=self.table))
        return Staged(read, Sum(*keys))

    def _stage(self, source: Opened, rejects: Rejects) -> None:
        """Fill the table `part`; a CSV file with a fault is read again to find its line."""
        readable = sources.trusted(source, self.directory, self.reporter)
        try:
            self._fill(readable)
        except (duckdb.InvalidInputException, duckdb.NotImplementedException) as error:
            if not isinstance(source, CsvFile):
                raise unreadable(source.name, error) from error
            spooled = sources.with_faults_named(source, self.directory, self.reporter)
            self._fill(spooled)
        except (duckdb.IOException, duckdb.SerializationException) as error:
            raise unreadable(source.name, error) from error
        (invalid,) = self.engine.run(_COUNT_INVALID)
        if invalid:
            self._refuse_whole(source)
            with self.engine.rows(_INVALID) as rows:
                rejects.take(source, invalid, iter(rows.fetchone, None))

    def _fill(self, source: Opened) -> None:
        match source:
            case CsvFile() | CsvRows():
                self._fill_by(source, self._layout(source, source.header.columns))
            case ParquetFile():
                found = columns_of(self.engine, source)
                layout = self._layout(source, [name for name, _ in found])
                self._fill_by(source, layout, [of for _, of in found])
            case JsonLines():
                self._fill_by_keys(source)

    def _fill_by_keys(self, source: JsonLines) -> None:
        """Fill the table; again with the names that turn up behind the first rows."""
        keys = list(_first_keys(source))
        while True:
            layout = named.layout_of_keys(keys, self.identifiers, self.rules.columns)
            self._fill_by(source, layout)
            further = self._understood_keys()
            if not further:
                break
            keys += further
        self.told.read_by(layout)

    def _layout(self, source: Opened, columns: Sequence[str]) -> Layout:
        layout = named.layout(source.name, columns, self.identifiers, self.rules.columns)
        self.told.read_by(layout)
        return layout

    def _fill_by(self, source: Opened, layout: Layout, types: Sequence[str] = ()) -> None:
        rows = self._expected_rows(source)
        spooled = isinstance(source, CsvRows) or (isinstance(source, JsonLines) and source.spooled)
        phase: Phase = "checking" if spooled else "reading"
        into = "CREATE OR REPLACE TABLE part AS"
        spilled = self.engine.spilled
        size = source.path.stat().st_size
        done = 0.0

        def watch(fraction: float) -> None:
            unpacking.check_spilling(source.name, size, self.engine.spilled - spilled)
            whole = done + fraction * share
            self.reporter.report(phase, int(whole * rows), None, whole)

        for piece in sources.pieces(source, self.directory):
            share = piece.path.stat().st_size / max(1, size)
            query = checked_rows(piece, layout, self.rules, self.compared, types)
            self.engine.run(f"{into} {query}", watch)
            into = "INSERT INTO part"
            done += share

    def _understood_keys(self) -> list[str]:
        """Keys that rows were refused for, though they are understood: one of each row's."""
        with self.engine.rows(_UNKNOWN_KEYS) as rows:
            unknown = [key for (key,) in rows.fetchall()]
        roles = {key: self.rules.columns.role(key, self.identifiers) for key in unknown}
        return [key for key, role in roles.items() if role is not Role.UNKNOWN]

    def _expected_rows(self, source: Opened) -> int:
        """How many rows there seem to be, so that progress can be told in rows."""
        if not isinstance(source, ParquetFile):
            return unpacking.estimated_lines(source.path)
        (rows,) = self.engine.run(f"SELECT count(*) {_parquet(source)}")
        return int(rows)

    def _refuse_whole(self, source: Opened) -> None:
        """Raise AudienceError where a row is one that makes the whole audience bad input."""
        first = self.engine.run(_WHOLE)
        if not first:
            return
        (reject,) = rejected.located(source, [first])
        if reject.reason.startswith(NO_NAME):
            raise AudienceError(
                f"The audience {source.name} {reject.reason} ({reject.place}): give it a name in "
                "the header, or leave out what has none (--ignore-columns all)."
            )
        raise AudienceError(
            f"The audience {source.name} {reject.reason} ({reject.place}); known are "
            f"{named.listed(self.identifiers)}. Say what it is (--column NAME=identifier), or "
            "leave it out (--ignore-columns)."
        )


def _first_keys(source: JsonLines) -> Iterator[str]:
    """The keys of the first rows, as a guess at those of all."""
    with unpacking.lines(source.path) as lines:
        for line in islice(lines, _LOOKED_AT_FIRST):
            with suppress(orjson.JSONDecodeError):
                row = orjson.loads(line)
                if isinstance(row, dict):
                    yield from row


def _parquet(source: ParquetFile) -> str:
    return f"FROM read_parquet({literal(file_name(source.path))}, hive_partitioning = false)"
