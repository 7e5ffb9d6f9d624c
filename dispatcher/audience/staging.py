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

_COUNT_INVALID = "SELECT count(*) - count(key) FROM part"

_INVALID = "SELECT rowid, text FROM part WHERE key IS NULL ORDER BY rowid"

_TAKE = "ALTER TABLE part RENAME TO {table}"

_ADD = "INSERT INTO {table} FROM part"

_FORGET = "DROP TABLE IF EXISTS part"


@dataclass(frozen=True, slots=True)
class Staged:
    """How many rows were read, how many are invalid, and the keys of the others combined."""

    read: int
    invalid: int
    keys: int


@dataclass(frozen=True, slots=True)
class Staging:
    """Fills the table `table` from an audience's parts, each of which goes through a table `part`.

    What has to be spooled goes to `directory`.
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
        for number, part in enumerate(listing.parts):
            with sources.opened(part, self.directory, self.reporter) as source:
                self._stage(source, rejects)
            self.engine.run((_TAKE if number == 0 else _ADD).format(table=self.table))
            self.engine.run(_FORGET)
        return Staged(*self.engine.run(_COUNTS.format(table=self.table)))

    def _stage(self, source: Opened, rejects: Rejects) -> None:
        """Fill the table `part`; a CSV file with a fault is read again to find its line."""
        columns = self._columns(source)
        readable = sources.trusted(source, self.directory, self.reporter)
        try:
            self._fill(readable, columns)
        except (duckdb.InvalidInputException, duckdb.NotImplementedException) as error:
            if not isinstance(source, CsvFile):
                raise unreadable(source.name, error) from error
            spooled = sources.with_faults_named(source, self.directory, self.reporter)
            self._fill(spooled, columns)
        except (duckdb.IOException, duckdb.SerializationException) as error:
            raise unreadable(source.name, error) from error
        (invalid,) = self.engine.run(_COUNT_INVALID)
        if invalid:
            self._refuse_unknown_keys(source)
            with self.engine.rows(_INVALID) as rows:
                rejects.take(source, invalid, iter(rows.fetchone, None))

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

    def _fill(self, source: Opened, columns: list[str]) -> None:
        rows = self._expected_rows(source)
        phase: Phase = "checking" if isinstance(source, JsonLines) and source.spooled else "reading"
        into = "CREATE OR REPLACE TABLE part AS"
        for piece in sources.pieces(source, self.directory):
            self.engine.run(
                f"{into} {checked_rows(piece, columns, self.identifiers)}",
                lambda fraction: self.reporter.report(phase, int(fraction * rows), None, fraction),
            )
            into = "INSERT INTO part"

    def _expected_rows(self, source: Opened) -> int:
        """How many rows there seem to be, so that progress can be told in rows."""
        if not isinstance(source, ParquetFile):
            return unpacking.estimated_lines(source.path)
        (rows,) = self.engine.run(f"SELECT count(*) {_parquet(source)}")
        return int(rows)

    def _refuse_unknown_keys(self, source: Opened) -> None:
        first = self.engine.run(
            "SELECT rowid, text FROM part WHERE key IS NULL "
            f"AND starts_with(text, {literal(UNKNOWN_KEY)}) ORDER BY rowid LIMIT 1"
        )
        if first:
            (reject,) = rejected.located(source, [first])
            raise AudienceError(
                f"The audience {source.name} {reject.reason} ({reject.place}); known are "
                f"{names(self.identifiers)}."
            )


def _parquet(source: ParquetFile) -> str:
    return f"FROM read_parquet({literal(file_name(source.path))}, hive_partitioning = false)"
