"""A CSV file read row by row, to say exactly what is wrong with it and on which line.

DuckDB reads files without fault, many times faster; this reads those that it refuses. A row that
cannot be read ends with its first line: a quote that is never closed costs one line, not the rest
of the file.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dispatcher.errors import AudienceError

_LONGEST_ROW = 65_536
"""Bytes. Identifiers are a few hundred; this bounds how far an open quote is followed."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be read: the line it starts on, its cells, and its text in the file."""

    line: int
    cells: list[str]
    text: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that cannot be read, and why."""

    line: int
    reason: str
    text: str


def header(first_line: bytes, name: str) -> tuple[str, ...]:
    """The columns that the first line of the file `name` gives; AudienceError if it gives none."""
    text = first_line.removeprefix(_BYTE_ORDER_MARK).rstrip(b"\r\n")
    if not text.strip():
        raise AudienceError(
            f"The audience {name} has no header: its first line must name the columns."
        )
    parsed = _parsed(1, text)
    if isinstance(parsed, Fault):
        raise AudienceError(f"The header of the audience {name} {parsed.reason}.")
    columns = tuple(parsed.cells)
    for column in columns:
        if columns.count(column) > 1:
            raise AudienceError(
                f"The header of the audience {name} has the column {column!r} twice: keep one."
            )
    return columns


def rows(lines: Iterable[bytes], width: int) -> Iterator[Row | Fault]:
    """Every row below the header, in order; blank lines are none.

    `lines` are those of the whole file with their ends; `width` is the number of columns.
    """
    reading = _Lines(lines)
    next(reading, None)
    for line in reading:
        text = line.rstrip(b"\r\n")
        if not text or (width == 1 and text == b'""'):
            continue
        number = reading.number
        if text.count(b'"') % 2:
            text = _with_continuation(text, line, reading)
        yield _of_width(_parsed(number, text), width)


class _Lines:
    """Numbered lines, some of which may be given back."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._given_back: deque[bytes] = deque()
        self.number = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self._given_back.popleft() if self._given_back else next(self._lines)
        self.number += 1
        return line

    def give_back(self, lines: list[bytes]) -> None:
        self._given_back.extendleft(reversed(lines))
        self.number -= len(lines)


def _with_continuation(text: bytes, line: bytes, reading: _Lines) -> bytes:
    """The row whose first line leaves a quote open, or only that line if no row comes of it."""
    taken: list[bytes] = []
    length = len(line)
    for continuation in reading:
        taken.append(continuation)
        length += len(continuation)
        if continuation.count(b'"') % 2:
            whole = (line + b"".join(taken)).rstrip(b"\r\n")
            if isinstance(_parsed(0, whole), Row):
                return whole
            break
        if length > _LONGEST_ROW:
            break
    reading.give_back(taken)
    return text


def _parsed(number: int, text: bytes) -> Row | Fault:
    shown = text.decode("utf-8", "backslashreplace")
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        return Fault(number, "is not UTF-8", shown)
    if len(text) > _LONGEST_ROW:
        return Fault(number, f"is longer than {_LONGEST_ROW} bytes", shown)
    if '"' not in decoded:
        return Row(number, decoded.split(","), decoded)
    try:
        (cells,) = csv.reader([decoded], strict=True)
    except (csv.Error, ValueError):
        return Fault(number, "has a quote that is not closed, or not doubled in its cell", shown)
    return Row(number, cells, decoded)


def _of_width(row: Row | Fault, width: int) -> Row | Fault:
    if isinstance(row, Fault) or len(row.cells) == width:
        return row
    count = len(row.cells)
    cells = "1 cell" if count == 1 else f"{count} cells"
    return Fault(row.line, f"has {cells} where the header has {width}", row.text)
