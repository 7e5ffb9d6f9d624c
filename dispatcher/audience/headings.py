"""The columns of a file before anything is made of it: their names, and the first rows."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import duckdb
import orjson

from dispatcher.audience import csv_rows, sources, unpacking
from dispatcher.audience.columns import Columns, Role, may_tell
from dispatcher.audience.engine import Engine, file_name, literal, unreadable
from dispatcher.audience.identifiers import Identifier, known
from dispatcher.audience.listing import listed
from dispatcher.audience.progress import Reporter
from dispatcher.audience.reading_parquet import columns_of
from dispatcher.audience.scratch import scratch_directory
from dispatcher.audience.sources import CsvFile, CsvRows, JsonLines, Opened, ParquetFile

SHOWN = 5
"""Rows that are looked at for their values."""

_KEYS_OF = 1_000
"""Rows of JSON that are looked at for their keys."""

_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True)
class Heading:
    """One column of a file.

    `identifier` is what it is read as unless somebody says otherwise; `ignored`: nothing has to be
    said of it, as an index of pandas'. `may_tell` is "variant" or "zone" where columns of such a
    name often say that. `values` are those of the first rows, "" where there is none.
    """

    name: str
    identifier: str | None
    ignored: bool
    may_tell: str | None
    values: tuple[str, ...] = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """One element of the document of `columns --json`."""
        return asdict(self)


def headings(
    source: str | PathLike[str],
    platforms: Iterable[str],
    *,
    format: str | None = None,
    memory: int,
    scratch: Path,
) -> tuple[Heading, ...]:
    """The columns of an audience's file, in their order; of a directory, those of its first part.

    `platforms` are those whose identifiers count. The rest is as of `prepare`: raises AudienceError
    where the file cannot be read, or is not what its name says.
    """
    part = listed(source, format).parts[0]
    identifiers = known(platforms)
    with (
        scratch_directory(scratch) as directory,
        Engine(directory, memory) as engine,
        sources.opened(part, Columns(), directory, Reporter(None)) as opened,
    ):
        names, rows = _table(opened, engine)
    return tuple(
        _heading(name, identifiers, tuple(row[place] for row in rows))
        for place, name in enumerate(names)
    )


def _heading(name: str, identifiers: Sequence[Identifier], values: tuple[str, ...]) -> Heading:
    role, tells = Columns().role(name, identifiers), may_tell(name)
    return Heading(
        name=name,
        identifier=role.name if isinstance(role, Identifier) else None,
        ignored=role in (Role.UNNAMED, Role.LEFT_OUT),
        may_tell=tells.value if tells else None,
        values=values,
    )


def _table(source: Opened, engine: Engine) -> tuple[Sequence[str], list[list[str]]]:
    """The columns' names, and the first rows as texts."""
    match source:
        case CsvFile() | CsvRows():
            with unpacking.lines(source.path) as lines:
                found = (
                    row
                    for row in csv_rows.rows(lines, source.header)
                    if isinstance(row, csv_rows.Row)
                )
                return source.header.columns, [
                    [_shown(cell) for cell in row.cells] for row in islice(found, SHOWN)
                ]
        case JsonLines():
            return _of_objects([*islice(_objects(source), _KEYS_OF)])
        case ParquetFile():
            return _of_parquet(source, engine)


def _objects(source: JsonLines) -> Iterator[dict[str, Any]]:
    with unpacking.lines(source.path) as lines:
        for line in lines:
            with suppress(orjson.JSONDecodeError):
                row = orjson.loads(line)
                if isinstance(row, dict):
                    yield row


def _of_objects(rows: Sequence[dict[str, Any]]) -> tuple[Sequence[str], list[list[str]]]:
    names = [*dict.fromkeys(name for row in rows for name in row)]
    return names, [[_text(row.get(name)) for name in names] for row in rows[:SHOWN]]


def _of_parquet(source: ParquetFile, engine: Engine) -> tuple[Sequence[str], list[list[str]]]:
    file = literal(file_name(source.path))
    first = (
        f"SELECT COLUMNS(*)::VARCHAR FROM read_parquet({file}, hive_partitioning = false) "
        f"LIMIT {SHOWN}"
    )
    try:
        names = [name for name, _ in columns_of(engine, source)]
        with engine.rows(first) as rows:
            return names, [[_shown(value or "") for value in row] for row in rows.fetchall()]
    except duckdb.Error as error:
        raise unreadable(source.name, error) from error


def _text(value: object) -> str:
    if value is None:
        return ""
    return _shown(value if isinstance(value, str) else orjson.dumps(value).decode())


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
