"""Audiences that are no readable file yet, written to the scratch directory as JSON lines.

Nothing is checked here but what JSON cannot hold: one place decides what a valid row is, and that
is `checking`. A row that cannot be read becomes an array, [reason, the row's text].
"""

import shutil
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from dispatcher.audience.csv_rows import Fault, Row
from dispatcher.audience.progress import Reporter
from dispatcher.audience.rows import fault
from dispatcher.audience.rows import line as line_of
from dispatcher.audience.unpacking import LONGEST_LINE, TOO_LONG
from dispatcher.errors import AudienceError

_BATCH = 1000
_STREAM_PIECE = 1 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def from_items(items: Iterable[object], scratch: Path, reporter: Reporter) -> Path:
    """One line for each item, in order; what the iterable raises goes through as it is."""
    path = scratch / "items.jsonl"
    remaining = iter(items)
    count = 0
    with open(path, "wb") as file:
        while lines := [line_of(item) for item in islice(remaining, _BATCH)]:
            file.write(b"\n".join(lines) + b"\n")
            count += len(lines)
            reporter.report("reading", count)
    return path


def from_csv(rows: Iterable[Row | Fault], scratch: Path, reporter: Reporter) -> Path:
    """One line for each row of a CSV file, in order: its cells are called c0 and so on."""
    path = scratch / "rows.jsonl"
    remaining = iter(rows)
    count = 0
    with open(path, "wb") as file:
        while lines := [_line_of_csv(row) for row in islice(remaining, _BATCH)]:
            file.write(b"\n".join(lines) + b"\n")
            count += len(lines)
            reporter.report("reading", count)
    return path


def from_stream(stream: Any, name: str, scratch: Path, reporter: Reporter) -> Path:
    """The bytes of a stream; AudienceError where it gives no bytes."""
    path = scratch / "stream"
    count = 0
    with open(path, "wb") as file:
        piece = stream.read(_STREAM_PIECE)
        if not isinstance(piece, bytes):
            raise AudienceError(f"The audience in {name} must be opened in binary mode.")
        piece = piece.removeprefix(BYTE_ORDER_MARK)
        while piece:
            file.write(piece)
            count += piece.count(b"\n")
            reporter.report("reading", count)
            piece = stream.read(_STREAM_PIECE)
    return path


def from_long_lines(lines: Iterable[bytes], scratch: Path, reporter: Reporter) -> Path:
    """The lines of a file of JSON lines, with a fault in place of each that is too long."""
    path = scratch / "shortened.jsonl"
    with open(path, "wb") as file:
        for count, line in enumerate(lines, 1):
            file.write(_shortened(line))
            if count % _BATCH == 0:
                reporter.report("reading", count)
    return path


def without_byte_order_mark(marked: Path, scratch: Path) -> Path:
    """The file without the mark at its beginning."""
    path = scratch / "unmarked"
    with open(marked, "rb") as original, open(path, "wb") as file:
        original.seek(len(BYTE_ORDER_MARK))
        shutil.copyfileobj(original, file, _STREAM_PIECE)
    return path


def standard_input() -> BinaryIO:
    """The bytes of standard input; AudienceError where this process has none."""
    if sys.stdin is None:
        raise AudienceError("The audience cannot be read from standard input, which is closed.")
    return sys.stdin.buffer


def _line_of_csv(row: Row | Fault) -> bytes:
    if isinstance(row, Fault):
        return fault(row.reason, row.text)
    return orjson.dumps({f"c{place}": cell for place, cell in enumerate(row.cells)})


def _shortened(line: bytes) -> bytes:
    """An array of the file's own must not pass for a fault of ours."""
    if len(line.rstrip(b"\r\n")) > LONGEST_LINE:
        return fault(TOO_LONG, "") + b"\n"
    if line.lstrip().startswith(b"["):
        return fault("is not a JSON object", "") + b"\n"
    return line
