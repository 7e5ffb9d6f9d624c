"""Where an audience comes from, brought into a form that DuckDB can read and lines can be found in.

What a person names (a file, standard input, an iterable) becomes one of three: a CSV file, a file
of JSON lines, a Parquet file. Iterables and standard input are spooled to the scratch directory,
and packed files are unpacked into it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import IOBase
from pathlib import Path
from typing import BinaryIO, TypeAlias

from dispatcher.audience import csv_rows, spool, unpacking
from dispatcher.audience.progress import Reporter
from dispatcher.errors import AudienceError

Source: TypeAlias = str | Path | BinaryIO | Iterable[Mapping[str, object]]
"""A path (or "-": JSON Lines on standard input), a binary stream of JSON Lines, or dicts."""

STANDARD_INPUT = "-"

_FORMS = (".csv", ".jsonl", ".ndjson", ".parquet")
_PACKINGS = (".gz", ".zst")


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file with a header. `name` is what the person called it; `path` is what is read."""

    name: str
    path: Path
    columns: tuple[str, ...]


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


Opened: TypeAlias = CsvFile | JsonLines | ParquetFile


def open_source(source: Source, scratch: Path, reporter: Reporter) -> Opened:
    """The source, ready to be read.

    `scratch` is this preparation's own directory. Raises AudienceError, which names the file and
    the remedy; what an iterable raises goes through as it is.
    """
    if isinstance(source, str | Path):
        if str(source) == STANDARD_INPUT:
            return _from_stream(spool.standard_input(), "standard input", scratch, reporter)
        return _from_file(Path(source), scratch, reporter)
    if isinstance(source, IOBase) or hasattr(source, "read"):
        return _from_stream(source, "the stream", scratch, reporter)
    if isinstance(source, Mapping | bytes) or not isinstance(source, Iterable):
        raise AudienceError(
            f"The audience must be a path or an iterable of dicts, not a {type(source).__name__}."
        )
    path = spool.from_items(source, scratch, reporter)
    return JsonLines("given", path, unit="row", spooled=True)


def with_faults_named(source: CsvFile, scratch: Path, reporter: Reporter) -> JsonLines:
    """The CSV file as JSON lines, one for each row; faults are told in arrays."""
    with unpacking.lines(source.path) as lines:
        rows = csv_rows.rows(lines, len(source.columns))
        path = spool.from_csv(rows, source.columns, scratch, reporter)
    return JsonLines(source.name, path, spooled=True)


def trusted(source: Opened, scratch: Path, reporter: Reporter) -> Opened:
    """The same rows as DuckDB can be trusted to read them; where it cannot, faults in arrays.

    It is lost in lines that are too long, and takes some carriage returns in a row for its end.
    """
    match source:
        case CsvFile():
            if unpacking.has_long_line(source.path) or unpacking.has_bare_return(source.path):
                return with_faults_named(source, scratch, reporter)
        case JsonLines():
            if unpacking.has_long_line(source.path):
                with unpacking.lines(source.path) as lines:
                    path = spool.from_long_lines(lines, scratch, reporter)
                return JsonLines(source.name, path, spooled=True)
        case ParquetFile():
            pass
    return source


def _from_stream(stream: object, name: str, scratch: Path, reporter: Reporter) -> JsonLines:
    return JsonLines(name, spool.from_stream(stream, name, scratch, reporter))


def _from_file(path: Path, scratch: Path, reporter: Reporter) -> Opened:
    form, packing = _endings(path)
    _check_file(path)
    readable = unpacking.unpacked(path, packing, scratch, reporter)
    if form == ".parquet":
        return ParquetFile(str(path), readable)
    with unpacking.lines(readable) as lines:
        first = next(lines, b"")
    if form == ".csv":
        return CsvFile(str(path), readable, csv_rows.header(first, str(path)))
    if first.startswith(spool.BYTE_ORDER_MARK):
        readable = spool.without_byte_order_mark(readable, scratch)
    return JsonLines(str(path), readable)


def _endings(path: Path) -> tuple[str, str]:
    """The form and the packing that the file's name ends with, in lower case."""
    name = path.name.lower()
    packing = next((ending for ending in _PACKINGS if name.endswith(ending)), "")
    form = Path(name.removesuffix(packing)).suffix
    if form not in _FORMS or (form == ".parquet" and packing == ".zst"):
        raise AudienceError(
            f"The audience {path} has an ending that says nothing: known are {', '.join(_FORMS)}, "
            "with .gz or .zst behind (.parquet packs itself)."
        )
    return form, packing


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise AudienceError(f"The audience {path} is a directory: name a file in it.")
        with open(path, "rb"):
            pass
    except FileNotFoundError as error:
        raise AudienceError(f"The audience {path} does not exist.") from error
    except OSError as error:
        raise AudienceError(f"The audience {path} cannot be read: {error.strerror}.") from error
