"""Where an audience comes from, brought into a form that DuckDB can read and lines can be found in.

Each part of an audience (a file, standard input, rows) becomes one of three: a CSV file, a file of
JSON lines, a Parquet file. What comes but once is spooled to the scratch directory, and packed
files are unpacked into it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TypeAlias

from dispatcher.audience import (
    content,
    csv_rows,
    encodings,
    files,
    query,
    spool,
    tables,
    unpacking,
    workbooks,
)
from dispatcher.audience.columns import Columns
from dispatcher.audience.content import Content
from dispatcher.audience.csv_rows import Header
from dispatcher.audience.parts import (
    ENDINGS,
    PACKINGS,
    FilePart,
    Form,
    Part,
    QueryPart,
    RowsPart,
    StreamPart,
    TablePart,
)
from dispatcher.audience.progress import Reporter
from dispatcher.audience.scratch import is_full
from dispatcher.errors import AudienceError

_CONTENTS: dict[Form, Content] = {
    "csv": content.CSV,
    "jsonl": content.JSON_LINES,
    "parquet": content.PARQUET,
    "xlsx": content.WORKBOOK,
}
_ENDINGS = frozenset({*ENDINGS, *PACKINGS, ".txt"})
_PACKINGS = {".gz": content.GZIP, ".zst": content.ZSTANDARD}


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file with a header. `name` is what the person called it; `path` is what is read.

    `plain`: all of it is known to be ASCII without a blank, so that less has to be looked for.
    """

    name: str
    path: Path
    header: Header
    plain: bool = False


@dataclass(frozen=True, slots=True)
class CsvRows:
    """The rows of a CSV file as JSON lines: an object of its cells, c0 and so on, for each row.

    An array tells of a row that could not be read: [reason, the row's text].
    """

    name: str
    path: Path
    header: Header


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One JSON object a line; blank lines are none.

    `unit` is what its lines were to the person: "line" of a file, "row" of an iterable. In a
    `spooled` one an array tells of a row that could not be read: [reason, the row's text].
    """

    name: str
    path: Path
    unit: str = "line"
    spooled: bool = False


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """A Parquet file."""

    name: str
    path: Path


Opened: TypeAlias = CsvFile | CsvRows | JsonLines | ParquetFile


def pieces(source: Opened, scratch: Path) -> Iterator[Opened]:
    """The source, or its rows a few at a time, where so much memory would be needed for all.

    DuckDB parses two thousand rows of JSON at once, however long they are.
    """
    if isinstance(source, JsonLines | CsvRows) and unpacking.has_heavy_lines(source.path):
        for path in unpacking.pieces(source.path, scratch / "piece.jsonl"):
            yield replace(source, path=path)
    else:
        yield source


@contextmanager
def opened(part: Part, columns: Columns, scratch: Path, reporter: Reporter) -> Iterator[Opened]:
    """The part, ready to be read, until the end.

    `columns` are what the person says about them. `scratch` is this preparation's own directory.
    Raises AudienceError, which names the file and the remedy; what an iterable raises goes through
    as it is.
    """
    directory = Path(mkdtemp(dir=scratch))
    try:
        match part:
            case RowsPart():
                path = spool.from_items(part.rows, directory, reporter)
                yield JsonLines(part.name, path, unit="row", spooled=True)
            case QueryPart():
                path = spool.from_items(query.rows_of(part.query), directory, reporter)
                yield JsonLines(part.name, path, unit="row", spooled=True)
            case TablePart():
                yield _from_table(part, directory, reporter)
            case StreamPart():
                path = _from_stream(part, directory, reporter)
                yield _of_content(
                    part.name, path, part.form, part.form, columns, directory, reporter
                )
            case FilePart():
                with files.opened(part.path) as file:
                    yield _from_file(part, file, columns, directory, reporter)
                    file.check_unchanged()
    finally:
        rmtree(directory, ignore_errors=True)


def with_faults_named(source: CsvFile, scratch: Path, reporter: Reporter) -> CsvRows:
    """The CSV file as JSON lines, one for each row; faults are told in arrays."""
    with unpacking.lines(source.path) as lines:
        path = spool.from_csv(csv_rows.rows(lines, source.header), scratch, reporter)
    return CsvRows(source.name, path, source.header)


def trusted(source: Opened, scratch: Path, reporter: Reporter) -> Opened:
    """The same rows as DuckDB can be trusted to read them; where it cannot, faults in arrays.

    It is lost in lines that are too long, and takes some carriage returns in a row for its end.
    """
    match source:
        case CsvFile():
            texture = unpacking.texture(source.path)
            if texture.bare_return or unpacking.has_long_line(source.path):
                return with_faults_named(source, scratch, reporter)
            return replace(source, plain=texture.plain)
        case JsonLines():
            if unpacking.has_long_line(source.path):
                with unpacking.lines(source.path) as lines:
                    path = spool.from_long_lines(lines, scratch, reporter)
                return JsonLines(source.name, path, spooled=True)
        case CsvRows() | ParquetFile():
            pass
    return source


def _from_table(part: TablePart, directory: Path, reporter: Reporter) -> Opened:
    path = directory / "table.parquet"
    if tables.to_parquet(part.table, path):
        return ParquetFile(part.name, path)
    path = spool.from_items(tables.rows_of(part.table), directory, reporter)
    return JsonLines(part.name, path, unit="row", spooled=True)


def _from_stream(part: StreamPart, directory: Path, reporter: Reporter) -> Path:
    if part.stream is not None:
        return spool.from_stream(part.stream, part.name, directory, reporter)
    with _named(part.name):
        return spool.from_stream(spool.standard_input(), part.name, directory, reporter)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """An error of the system as one of this audience, unless the scratch directory is full."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise
        raise AudienceError(f"The audience {name} cannot be read: {error.strerror}.") from error


def _from_file(
    part: FilePart, file: files.OpenFile, columns: Columns, directory: Path, reporter: Reporter
) -> Opened:
    path = file.path
    if file.comes_once:
        with open(file.descriptor, "rb", closefd=False) as stream, _named(part.name):
            path = spool.from_stream(stream, part.name, directory, reporter)
    if part.packing:
        _check_packing(part, path)
        path = unpacking.unpacked(path, part.name, part.packing, directory, reporter)
    if part.may_be_empty and part.form in ("csv", "jsonl") and not unpacking.head(path):
        return JsonLines(part.name, path)
    return _of_content(part.name, path, part.form, part.told, columns, directory, reporter)


def _of_content(
    name: str,
    path: Path,
    form: Form,
    told: Form | None,
    columns: Columns,
    directory: Path,
    reporter: Reporter,
) -> Opened:
    """The file as what it is: of `form`, or as the person `told`, if it holds that.

    Raises AudienceError where it holds something else.
    """
    head = unpacking.head(path)
    found = content.content_of(head)
    if told is not None and found == _CONTENTS[told]:
        form = told
    elif found is not None and found != _CONTENTS[form]:
        raise _mistaken(name, found, _CONTENTS[form], "--format" if form == told else "its name")
    if form == "xlsx":
        path = workbooks.to_json_lines(path, name, directory, reporter)
        return JsonLines(name, path, unit="row", spooled=True)
    if form == "parquet":
        return ParquetFile(name, path)
    path = encodings.as_utf8(path, name, directory, reporter)
    # DuckDB trips over a mark in JSON, and loses the rows where a quote follows one in CSV.
    if unpacking.head(path).startswith(spool.BYTE_ORDER_MARK):
        path = spool.without_byte_order_mark(path, directory)
    if form == "jsonl":
        return JsonLines(name, path)
    with unpacking.lines(path) as lines:
        return CsvFile(name, path, csv_rows.header(lines, name, columns.knows))


def _check_packing(part: FilePart, path: Path) -> None:
    """Raise AudienceError where the file holds something else than its name's packing."""
    found = content.content_of(unpacking.head(path))
    packing = _PACKINGS[part.packing]
    if found is not None and found != packing:
        raise _mistaken(part.name, found, packing, "its name", "unpacked")


def _mistaken(
    name: str, found: Content, expected: Content, says: str, verb: str = "read"
) -> AudienceError:
    stem = Path(name).name
    while Path(stem).suffix.lower() in _ENDINGS:
        stem = Path(stem).stem
    return AudienceError(
        f"The audience {name} cannot be {verb}: it is {found.name}, not {expected.name} as {says} "
        f"says; {found.remedy.format(stem=stem)}, or make it again."
    )
