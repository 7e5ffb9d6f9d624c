"""A CSV file read row by row, to say exactly what is wrong with it and on which line.

DuckDB reads files without fault, many times faster; this reads those that it refuses. A row that
cannot be read ends with its first line: a quote that is never closed costs one line, not the rest
of the file.
"""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from dispatcher.audience.absent import trimmed
from dispatcher.audience.unpacking import LONGEST_LINE, TOO_LONG
from dispatcher.errors import AudienceError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SEPARATORS = ",;\t|"
_SAYS_SEPARATOR = re.compile(r'"?sep=([\t -/:-@\[-`{-~])"?', re.IGNORECASE)
_LEAVES_A_QUOTE_OPEN = rb"""
    (?:(?:"(?:[^"]++|"")*+"|[^"{0}][^{0}]*+|){0})*+  # whole cells, quoted, bare or empty
    "(?:[^"]++|"")*+\Z                               # and the beginning of a quoted one"""
_LOOKED_AT_AGAIN = 16
"""Lines behind a row that cannot be read after all: more of them are not tried as rows again."""


class Header(NamedTuple):
    """The names of the columns, what separates them, and the number of the line they stand on."""

    columns: tuple[str, ...]
    separator: str = ","
    line: int = 1


class Row(NamedTuple):
    """A row that can be read: the line it starts on, its text in the file, and its cells."""

    line: int
    text: str
    cells: list[str]


class Fault(NamedTuple):
    """A row that cannot be read, and why."""

    line: int
    text: str
    reason: str


def header(first_lines: Iterable[bytes], name: str, knows: Callable[[str], bool]) -> Header:
    """The header of the file `name` that begins with these lines; AudienceError if it has none.

    A line `sep=;` before it says what separates the cells. Otherwise that separator does, of comma,
    semicolon, tabulator and pipe, which gives the most columns that somebody `knows`.
    """
    lines = iter(first_lines)
    text = _header_text(next(lines, b""), name)
    said = _SAYS_SEPARATOR.fullmatch(text)
    if said is not None:
        text = _header_text(next(lines, b""), name)
        return Header(_names(text, said[1], name), said[1], line=2)
    possible = [each for each in _SEPARATORS if each in text] or [","]
    found = [Header(_names(text, separator, name), separator) for separator in possible]
    return max(found, key=lambda each: sum(map(knows, each.columns)))


def _header_text(line: bytes, name: str) -> str:
    text = line.removeprefix(_BYTE_ORDER_MARK).rstrip(b"\r\n")
    if not text.strip():
        raise AudienceError(
            f"The audience {name} has no header: its first line must name the columns."
        )
    if len(text) > LONGEST_LINE:
        raise AudienceError(f"The header of the audience {name} {TOO_LONG}: is it a text file?")
    if b"\0" in text:
        raise AudienceError(
            f"The header of the audience {name} holds NUL characters: save the file as UTF-8."
        )
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise AudienceError(f"The header of the audience {name} {_reason(error)}.") from error


def _names(text: str, separator: str, name: str) -> tuple[str, ...]:
    try:
        return tuple(map(trimmed, _Splitter(separator).cells(text.encode())))
    except csv.Error as error:
        raise AudienceError(f"The header of the audience {name} {_reason(error)}.") from error


def rows(lines: Iterable[bytes], header: Header) -> Iterator[Row | Fault]:
    """Every row below the header, in order, as DuckDB counts them.

    Blank lines are none, nor is a row of blank cells alone. Blank cells behind the last column are
    left out. `lines` are those of the whole file with their ends.
    """
    reading = _Lines(lines)
    splitter = _Splitter(header.separator)
    width = len(header.columns)
    for _ in range(header.line):
        next(reading, None)
    for line in reading:
        text = line.rstrip(b"\r\n")
        if not text:
            continue
        number = reading.number
        if len(text) > LONGEST_LINE:
            yield Fault(number, _shown(text), TOO_LONG)
            continue
        if number > reading.open_until and splitter.leaves_a_quote_open(text):
            text = _with_continuation(text, line, reading, splitter)
        try:
            cells = _without_surplus(splitter.cells(text), width)
        except (UnicodeDecodeError, csv.Error) as error:
            yield Fault(number, _shown(text), _reason(error))
        else:
            if not any(map(trimmed, cells)):
                continue
            if len(cells) != width:
                yield Fault(number, _shown(text), _wrong_width(len(cells), width))
            else:
                yield Row(number, _shown(text), cells)


class _Lines:
    """Numbered lines, some of which may be given back.

    A quote that is open on a line up to `open_until` was found to close nowhere near, or not well.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._given_back: deque[bytes] = deque()
        self.number = 0
        self.open_until = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self._given_back.popleft() if self._given_back else next(self._lines)
        self.number += 1
        return line

    def give_back(self, lines: list[bytes]) -> None:
        self._given_back.extendleft(reversed(lines))
        self.number -= len(lines)


class _Splitter:
    """Splits one row after the other with one csv.reader: to make one a row takes longer."""

    def __init__(self, separator: str) -> None:
        self._waiting: list[str] = []
        self._separator = separator
        self._reader = csv.reader(self, delimiter=separator, strict=True)
        escaped = re.escape(separator.encode())
        self._open = re.compile(_LEAVES_A_QUOTE_OPEN.replace(b"{0}", escaped), re.VERBOSE)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self._waiting:
            raise StopIteration
        return self._waiting.pop()

    def cells(self, text: bytes) -> list[str]:
        """The cells of a row; raises UnicodeDecodeError or csv.Error where it can't be read."""
        decoded = text.decode()
        if '"' not in decoded and "\r" not in decoded:
            return decoded.split(self._separator)
        self._waiting.append(decoded)
        cells = next(self._reader)
        if ' "' in decoded and any(_opens_late(cell) for cell in cells):
            raise csv.Error("a quote after a space would become part of the cell")
        return cells

    def leaves_a_quote_open(self, text: bytes) -> bool:
        """Whether a quoted cell goes on behind the text."""
        return self._open.match(text) is not None


def _with_continuation(text: bytes, line: bytes, reading: _Lines, splitter: _Splitter) -> bytes:
    """The row whose first line leaves a quote open, or only that line if no row comes of it."""
    taken: list[bytes] = []
    length = len(line)
    for continuation in reading:
        taken.append(continuation)
        length += len(continuation)
        if not splitter.leaves_a_quote_open(b'"' + continuation):
            whole = (line + b"".join(taken)).rstrip(b"\r\n")
            with suppress(UnicodeDecodeError, csv.Error):
                splitter.cells(whole)
                return whole
            if len(taken) > _LOOKED_AT_AGAIN:
                reading.open_until = reading.number
            break
        if length > LONGEST_LINE:
            reading.open_until = reading.number
            break
    else:
        reading.open_until = reading.number
    reading.give_back(taken)
    return text


def _without_surplus(cells: list[str], width: int) -> list[str]:
    while len(cells) > width and not trimmed(cells[-1]):
        cells.pop()
    return cells


def _opens_late(cell: str) -> bool:
    return cell.startswith(" ") and cell.lstrip(" ").startswith('"')


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")


def _reason(error: UnicodeDecodeError | csv.Error) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8"
    if "new-line" in str(error):
        return "has a carriage return that does not end the line"
    return "has a quote that is not closed, or does not enclose its whole cell"


def _wrong_width(count: int, width: int) -> str:
    cells = "1 cell" if count == 1 else f"{count} cells"
    return f"has {cells} where the header has {width}"
