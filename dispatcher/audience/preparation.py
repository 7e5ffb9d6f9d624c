"""From a source to a frozen audience: checked, without repetitions, ready to be packed.

One DuckDB table holds each row as (key, text), see `checking`; the row's place in it is its place
in the source. It spills to a scratch directory beyond the memory allowed.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

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
from dispatcher.audience.identifiers import Identifier, known
from dispatcher.audience.prepared import Prepared
from dispatcher.audience.progress import Phase, Reporter, Watcher
from dispatcher.audience.scratch import scratch_directory
from dispatcher.audience.sources import CsvFile, JsonLines, Opened, ParquetFile, Source
from dispatcher.errors import AudienceError, OptionError

OnInvalid = Literal["fail", "skip"]

_FIND_REPEATED = """
    CREATE TABLE repeated AS
    SELECT checked.rowid AS place, key
    FROM checked JOIN (SELECT key, min(rowid) AS first FROM checked WHERE key IS NOT NULL
                       GROUP BY key HAVING count(*) > 1) USING (key)
    WHERE checked.rowid <> first"""

_COUNTS = "SELECT count(*), count(*) - count(key), coalesce(bit_xor(key), 0) FROM checked"

_REPEATED_COUNTS = "SELECT count(*), coalesce(bit_xor(key), 0) FROM repeated"

_INVALID = "SELECT rowid, text FROM checked WHERE key IS NULL ORDER BY rowid"


@contextmanager
def prepare(
    source: Source,
    platforms: Iterable[str],
    *,
    on_invalid: OnInvalid = "fail",
    rejects: str | Path | None = None,
    memory: int = 200_000_000,
    scratch: Path,
    progress: Watcher | None = None,
) -> Iterator[Prepared]:
    """The audience of a campaign, checked, distinct and counted; nothing stays behind.

    source: a path (.csv, .jsonl, .ndjson or .parquet, with .gz or .zst behind), "-" for JSON Lines
        on standard input, a binary stream of JSON Lines, or an iterable of dicts.
    platforms: those of the message; an identifier that none of them knows is refused.
    on_invalid: "fail" refuses an audience with an invalid row; "skip" leaves those rows out.
    rejects: where the invalid rows are written to, as CSV of line, reason and row.
    memory: bytes; what goes beyond spills to the disk.
    scratch: the directory under which this preparation makes a directory of its own.
    progress: called with a `Progress` at most five times a second.

    Raises AudienceError, which names the file, the line and the remedy; OptionError where
    `on_invalid` or `rejects` cannot be followed; SettingError where the memory is too small. What
    an iterable raises goes through as it is.
    """
    if on_invalid not in ("fail", "skip"):
        raise OptionError(f'on_invalid must be "fail" or "skip", not {on_invalid!r}.')
    report_to = None if rejects is None else Path(rejects)
    if report_to is not None:
        rejected.check_writable(report_to, source)
    with ExitStack() as stack:
        directory = stack.enter_context(scratch_directory(scratch))
        reporter = Reporter(progress)
        opened = sources.open_source(source, directory, reporter)
        engine = stack.enter_context(Engine(directory, memory))
        preparation = _Preparation(engine, directory, known(platforms), reporter)
        yield preparation.prepare(opened, on_invalid, report_to)


@dataclass(frozen=True, slots=True)
class _Preparation:
    engine: Engine
    directory: Path
    identifiers: tuple[Identifier, ...]
    reporter: Reporter

    def prepare(self, source: Opened, on_invalid: OnInvalid, rejects: Path | None) -> Prepared:
        self._stage(source)
        read, invalid, keys = self.engine.run(_COUNTS)
        if invalid:
            self._refuse_unknown_keys(source)
        if rejects is not None:
            rejected.write(rejects, self._rejects(source))
        if invalid and on_invalid == "fail":
            shown = list(islice(self._rejects(source), rejected.SHOWN))
            rejected.refuse(source, shown, invalid, rejects)
        duplicates, repeated_keys = self._find_repeated(read)
        total = read - invalid - duplicates
        if total == 0:
            raise AudienceError(self._empty(source, read))
        return Prepared(
            read=read,
            invalid=invalid,
            duplicates=duplicates,
            suppressed=0,
            total=total,
            digest=f"{keys ^ repeated_keys:032x}",
            engine=self.engine,
            reporter=self.reporter,
        )

    def _stage(self, source: Opened) -> None:
        """Fill the table `checked`; a CSV file with a fault is read again to find its line."""
        columns = self._columns(source)
        readable = sources.with_long_lines_named(source, self.directory, self.reporter)
        try:
            self._fill(readable, columns)
        except (duckdb.InvalidInputException, duckdb.NotImplementedException) as error:
            if not isinstance(source, CsvFile):
                raise unreadable(source.name, error) from error
            spooled = sources.with_faults_named(source, self.directory, self.reporter)
            self._fill(spooled, columns)
        except (duckdb.IOException, duckdb.SerializationException) as error:
            raise unreadable(source.name, error) from error

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
        self.engine.run(
            f"CREATE TABLE checked AS {checked_rows(source, columns, self.identifiers)}",
            lambda fraction: self.reporter.report(phase, int(fraction * rows), None, fraction),
        )

    def _expected_rows(self, source: Opened) -> int:
        """How many rows there seem to be, so that progress can be told in rows."""
        if not isinstance(source, ParquetFile):
            return unpacking.estimated_lines(source.path)
        (rows,) = self.engine.run(f"SELECT count(*) {_parquet(source)}")
        return int(rows)

    def _find_repeated(self, read: int) -> tuple[int, int]:
        """How many rows repeat an earlier one, and all their keys combined."""
        self.engine.run(
            _FIND_REPEATED,
            lambda fraction: self.reporter.report("checking", int(fraction * read), read, fraction),
        )
        duplicates, keys = self.engine.run(_REPEATED_COUNTS)
        return duplicates, keys

    def _rejects(self, source: Opened) -> Iterator[rejected.Reject]:
        with self.engine.rows(_INVALID) as invalid:
            yield from rejected.located(source, iter(invalid.fetchone, None))

    def _refuse_unknown_keys(self, source: Opened) -> None:
        first = self.engine.run(
            f"SELECT rowid, text FROM checked WHERE key IS NULL "
            f"AND starts_with(text, {literal(UNKNOWN_KEY)}) ORDER BY rowid LIMIT 1"
        )
        if first:
            (reject,) = rejected.located(source, [first])
            raise AudienceError(
                f"The audience {source.name} {reject.reason} "
                f"({rejected.unit(source)} {reject.line}); known are {names(self.identifiers)}."
            )

    def _empty(self, source: Opened, read: int) -> str:
        if read == 0:
            return f"The audience {source.name} is empty: it holds no row."
        return f"The audience {source.name} is empty: none of its {read:,} rows is valid."


def _parquet(source: ParquetFile) -> str:
    return f"FROM read_parquet({literal(file_name(source.path))}, hive_partitioning = false)"
