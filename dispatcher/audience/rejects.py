"""The rows that cannot be sent to: where they stand, why, and what they say."""

import csv
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from typing import NoReturn, Self

import orjson

from dispatcher import outputs
from dispatcher.audience import csv_rows, unpacking
from dispatcher.audience.parts import FilePart, Listing, Part
from dispatcher.audience.sources import CsvFile, CsvRows, JsonLines, Opened, ParquetFile
from dispatcher.errors import AudienceError, OptionError
from dispatcher.words import counted

SHOWN = 10
"""Rejects in an error's text."""

_LONGEST_TEXT = 1000

_NOT_IN_CSV = {ord("\0"): "\\0", ord("\r"): "\\r"}
"""Python's csv module writes these bare, and then cannot read them."""


@dataclass(frozen=True, slots=True)
class Reject:
    """One invalid row: its line in the file (or its ordinal), the reason, and its text.

    `place` says where it stands, for a sentence: "line 3", or "users.csv, line 3".
    """

    file: str
    line: int
    reason: str
    text: str = field(repr=False)
    place: str


class Rejects:
    """The invalid rows of an audience's parts, taken as these are read.

    The first ten are kept; all of them are written to `path`, where one is given. `several`: a line
    is told with its file's name.
    """

    def __init__(self, several: bool, path: Path | None = None, keep: int = SHOWN) -> None:
        self.count = 0
        self.first: list[Reject] = []
        self._several = several
        self._path = path
        self._keep = keep

    def __enter__(self) -> Self:
        if self._path is not None:
            self._file = open(self._path, "w", encoding="utf-8", newline="")
            self._csv = csv.writer(self._file, lineterminator="\n")
            file = ("file",) if self._several else ()
            self._csv.writerow((*file, "line", "reason", "row"))
        return self

    def __exit__(self, *_: object) -> None:
        if self._path is not None:
            self._file.close()

    def take(self, source: Opened, count: int, invalid: Iterable[tuple[int, str]]) -> None:
        """Take the `count` invalid rows of one part: (ordinal of the row from 0, reason)."""
        self.count += count
        wanted = count if self._path is not None else self._keep - len(self.first)
        for reject in islice(located(source, invalid, self._several), wanted):
            if len(self.first) < self._keep:
                self.first.append(reject)
            if self._path is not None:
                file = (reject.file,) if self._several else ()
                cells = (*file, reject.line, reject.reason, reject.text)
                self._csv.writerow(map(outputs.harmless, cells))

    def refuse(self, name: str, file: Path | None) -> NoReturn:
        """Raise AudienceError with the first ten; `file` holds them all, if any."""
        told = "".join(f"\n  {each.place} {each.reason}" for each in self.first)
        more = f"\n  and {self.count - SHOWN:,} more" if self.count > SHOWN else ""
        where = f" (all are in {file})" if file else ""
        raise AudienceError(
            f"The audience {name} has {counted(self.count, 'invalid row')}, so nothing is "
            f"sent{where}: correct them, or let them be skipped "
            f'(on_invalid="skip", --on-invalid skip).{told}{more}'
        )


def located(
    source: Opened, invalid: Iterable[tuple[int, str]], with_file: bool = False
) -> Iterator[Reject]:
    """The rejects for (ordinal of the row from 0, reason) in order, found in the source."""
    file = f"{source.name}, " if with_file else ""
    with closing(_numbered_texts(source)) as rows:
        passed = -1
        for ordinal, reason in invalid:
            line, text = next(islice(rows, ordinal - passed - 1, None), (0, ""))
            passed = ordinal
            yield Reject(
                file=source.name,
                line=line,
                reason=reason,
                text=text[:_LONGEST_TEXT].translate(_NOT_IN_CSV),
                place=f"{file}{unit(source)} {line}",
            )


def unit(source: Opened) -> str:
    """What the numbers of this source's rejects count."""
    match source:
        case CsvFile() | CsvRows():
            return "line"
        case JsonLines():
            return source.unit
        case ParquetFile():
            return "row"


def check_writable(path: Path, listings: Iterable[Listing]) -> None:
    """Raise OptionError now, rather than after minutes of work, if `path` can't be written.

    `listings` are what is read, and must not be overwritten.
    """
    why = outputs.obstacle(path)
    if why is None and any(_is_same(path, part) for each in listings for part in each.parts):
        why = "it is what is read"
    if why is not None:
        raise OptionError(f"The rejects cannot be written to {path}: {why}; name another file.")


def publish(collected: Path, path: Path) -> None:
    """Write what was collected to `path`: whole or not at all, but to a pipe as it is.

    Raises OptionError where the disk does not take it.
    """
    try:
        with open(collected, encoding="utf-8", newline="") as rows, outputs.written(path) as file:
            copyfileobj(rows, file)
    except OSError as error:
        raise OptionError(f"The rejects cannot be written to {path}: {error.strerror}.") from error


def _is_same(path: Path, part: Part) -> bool:
    return isinstance(part, FilePart) and path.exists() and path.samefile(part.path)


def _numbered_texts(source: Opened) -> Generator[tuple[int, str]]:
    """(number, text) of each row of the source that DuckDB counts."""
    match source:
        case CsvFile() | CsvRows():
            with unpacking.lines(source.path) as lines:
                for row in csv_rows.rows(lines, source.header):
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
