"""An audience as a table of the engine: (key, text) of each row, see `checking`, in order."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from dispatcher.audience import rejects as rejected
from dispatcher.audience import sources, unpacking
from dispatcher.audience.checking import (
    UNKNOWN_KEY,
    checked_rows,
    names,
    refuse_unknown_columns,
)
from dispatcher.audience.engine import Engine, file_name, literal, unreadable
from dispatcher.audience.identifiers import Identifier
from dispatcher.audience.listing import Listing
from dispatcher.audience.progress import Phase, Reporter
from dispatcher.audience.rejects import Rejects
from dispatcher.audience.sources import CsvFile, JsonLines, Opened, ParquetFile
from dispatcher.errors import AudienceError

_COUNTS = "SELECT count(*), count(*) - count(key), coalesce(bit_xor(key), 0) FROM {table}"

_READ = "SELECT count(*), count(*) - count(key) FROM {table} WHERE rowid >= {before}"

_INVALID = """
    SELECT rowid - {before}, text FROM {table}
    WHERE key IS NULL AND rowid >= {before} ORDER BY rowid"""


@dataclass(frozen=True, slots=True)
class Staged:
    """How many rows were read, how many are invalid, and the keys of the others combined."""

    read: int
    invalid: int
    keys: int


@dataclass(frozen=True, slots=True)
class Staging:
    """Fills the table `table` from the parts of a source; what has to be spooled goes to
    `directory`.
    """

    engine: Engine
    directory: Path
    identifiers: tuple[Identifier, ...]
    reporter: Reporter
    table: str

    def stage(self, listing: Listing, rejects: Rejects) -> Staged:
        """Fill the table with the rows of all parts, and let `rejects` take the invalid ones.

        Raises AudienceError where a part cannot be read, or names what no platform knows.
        """
        read = 0
        for part in listing.parts:
            with sources.opened(part, self.directory, self.reporter) as source:
                read = self._stage(source, read, rejects)
        return Staged(*self.engine.run(_COUNTS.format(table=self.table)))

    def _stage(self, source: Opened, before: int, rejects: Rejects) -> int:
        """Add the rows of one part behind those `before`; how many there are now.

        A CSV file with a fault is read again to find its line.
        """
        columns = self._columns(source)
        readable = sources.trusted(source, self.directory, self.reporter)
        try:
            self._fill(readable, columns, before)
        except (duckdb.InvalidInputException, duckdb.NotImplementedException) as error:
            if not isinstance(source, CsvFile):
                raise unreadable(source.name, error) from error
            spooled = sources.with_faults_named(source, self.directory, self.reporter)
            self._fill(spooled, columns, before)
        except (duckdb.IOException, duckdb.SerializationException) as error:
            raise unreadable(source.name, error) from error
        read, invalid = self.engine.run(_READ.format(table=self.table, before=before))
        if invalid:
            self._refuse_unknown_keys(source, before)
            with self.engine.rows(_INVALID.format(table=self.table, before=before)) as rows:
                rejects.take(source, invalid, iter(rows.fetchone, None))
        return before + int(read)

    def _columns(self, source: Opened) -> list[str]:
        match source:
            case CsvFile():
                columns = list(source.columns)
            case JsonLines():
                return [each.name for each in self.identifiers]
            case ParquetFile():
                columns = self._parquet_columns(source)
        refuse_unknown_columns(source.name, columns, self.identifiers)
        return columns

    def _parquet_columns(self, source: ParquetFile) -> list[str]:
        try:
            return list(self.engine.columns(_parquet(source)))
        except duckdb.Error as error:
            raise unreadable(source.name, error) from error

    def _fill(self, source: Opened, columns: list[str], before: int) -> None:
        rows = self._expected_rows(source)
        phase: Phase = "checking" if isinstance(source, JsonLines) and source.spooled else "reading"
        self.engine.run(
            f"{self._into(before)} {checked_rows(source, columns, self.identifiers)}",
            lambda fraction: self.reporter.report(
                phase, before + int(fraction * rows), None, fraction
            ),
        )

    def _into(self, before: int) -> str:
        """What is done with a part's rows; the places of those `before` stay as they are."""
        if before:
            return f"INSERT INTO {self.table}"
        return f"CREATE OR REPLACE TABLE {self.table} AS"

    def _expected_rows(self, source: Opened) -> int:
        """How many rows there seem to be, so that progress can be told in rows."""
        if not isinstance(source, ParquetFile):
            return unpacking.estimated_lines(source.path)
        (rows,) = self.engine.run(f"SELECT count(*) {_parquet(source)}")
        return int(rows)

    def _refuse_unknown_keys(self, source: Opened, before: int) -> None:
        first = self.engine.run(
            f"SELECT rowid - {before}, text FROM {self.table} WHERE key IS NULL "
            f"AND rowid >= {before} AND starts_with(text, {literal(UNKNOWN_KEY)}) "
            "ORDER BY rowid LIMIT 1"
        )
        if first:
            (reject,) = rejected.located(source, [first])
            raise AudienceError(
                f"The audience {source.name} {reject.reason} ({reject.place}); known are "
                f"{names(self.identifiers)}."
            )


def _parquet(source: ParquetFile) -> str:
    return f"FROM read_parquet({literal(file_name(source.path))}, hive_partitioning = false)"
