"""The rows that cannot be sent to: where they stand, why, and what they say."""

import csv
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import orjson

from dispatcher.audience import csv_rows, unpacking
from dispatcher.audience.sources import CsvFile, JsonLines, Opened, ParquetFile, Source
from dispatcher.errors import AudienceError, OptionError
from dispatcher.words import counted

SHOWN = 10
"""Rejects in an error's text."""

_LONGEST_TEXT = 1000

_NOT_IN_CSV = {ord("\0"): "\\0", ord("\r"): "\\r"}
"""Python's csv module writes these bare, and then cannot read them."""


@dataclass(frozen=True, slots=True)
class Reject:
    """One invalid row: its line in the file (or its ordinal), the reason, and its text."""

    line: int
    reason: str
    text: str


def located(source: Opened, invalid: Iterable[tuple[int, str]]) -> Iterator[Reject]:
    """The rejects for (ordinal of the row from 0, reason) in order, found in the source."""
    with closing(_numbered_texts(source)) as rows:
        passed = -1
        for ordinal, reason in invalid:
            line, text = next(islice(rows, ordinal - passed - 1, None), (0, ""))
            passed = ordinal
            yield Reject(line, reason, text[:_LONGEST_TEXT].translate(_NOT_IN_CSV))


def unit(source: Opened) -> str:
    """What the numbers of this source's rejects count."""
    match source:
        case CsvFile():
            return "line"
        case JsonLines():
            return source.unit
        case ParquetFile():
            return "row"


def refuse(source: Opened, rejects: Iterable[Reject], count: int, file: Path | None) -> None:
    """Raise AudienceError with the first ten of `count` rejects; `file` holds them all, if any."""
    told = "".join(f"\n  {unit(source)} {each.line} {each.reason}" for each in rejects)
    more = f"\n  and {count - SHOWN:,} more" if count > SHOWN else ""
    where = f" (all are in {file})" if file else ""
    raise AudienceError(
        f"The audience {source.name} has {counted(count, 'invalid row')}, so nothing is "
        f"sent{where}: correct them, or let them be skipped "
        f'(on_invalid="skip", --on-invalid skip).{told}{more}'
    )


def check_writable(path: Path, sources: Iterable[Source | None]) -> None:
    """Raise OptionError now, rather than after minutes of work, if `path` can't be written.

    `sources` are what is read, and must not be overwritten.
    """
    read = {Path(source).absolute() for source in sources if isinstance(source, str | Path)}
    why = None
    if path.is_dir():
        why = "it is a directory"
    elif not path.parent.is_dir():
        why = "its directory is missing"
    elif path.absolute() in read:
        why = "it is what is read"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        why = "permission denied"
    if why is not None:
        raise OptionError(f"The rejects cannot be written to {path}: {why}; name another file.")


def write(path: Path, rejects: Iterable[Reject]) -> None:
    """Write a CSV file of line, reason and row; it appears whole or not at all.

    A pipe or a device is written to as it is. Raises OptionError where the disk does not take it.
    """
    try:
        if path.exists() and not path.is_file():
            _write_to(path, rejects)
        else:
            _write_whole(path.resolve(), rejects)
    except OSError as error:
        raise OptionError(f"The rejects cannot be written to {path}: {error.strerror}.") from error


def _write_whole(path: Path, rejects: Iterable[Reject]) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write_to(unfinished, rejects)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _write_to(path: Path, rejects: Iterable[Reject]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("line", "reason", "row"))
        writer.writerows((each.line, each.reason, each.text) for each in rejects)


def _numbered_texts(source: Opened) -> Generator[tuple[int, str]]:
    """(number, text) of each row of the source that DuckDB counts."""
    match source:
        case CsvFile():
            with unpacking.lines(source.path) as lines:
                for row in csv_rows.rows(lines, len(source.columns)):
                    yield row.line, row.text
        case JsonLines():
            with unpacking.lines(source.path) as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield number, _shown(source, line)
        case ParquetFile():
            number = 0
            while True:
                number += 1
                yield number, ""


def _shown(source: JsonLines, line: bytes) -> str:
    if source.spooled and line.startswith(b"["):
        return str(orjson.loads(line)[1])
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")
