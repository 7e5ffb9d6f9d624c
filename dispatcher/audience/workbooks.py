"""The first sheet of an Excel workbook as rows, each value as it is shown.

A workbook is a packed archive: what it unpacks to is looked through first, as any archive's is.
"""

import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date, time, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any, BinaryIO

from dispatcher.audience import rows, unpacking
from dispatcher.audience.progress import Reporter
from dispatcher.errors import AudienceError
from dispatcher.extras import require_workbooks

_MOST_ROWS = 1_048_576
"""Of a sheet, as Excel has it."""

_MOST_TEXT = 200 * 2**20
"""Bytes of a workbook's texts, which are read before its rows are and held in memory."""

_EXACT = 10**15
"""From there on Excel has lost digits: it keeps fifteen."""

_BATCH = 1000
_PIECE = 1 << 20
_TEXTS = "xl/sharedStrings.xml"
_SHEETS = "xl/worksheets/"
_FORMULA = re.compile(rb"<(\w+:)?f[ >/]")

_PLAIN = re.compile(r"general|@|[#0,. _\-()?]+", re.IGNORECASE)
"""A number's format that shows its digits and nothing that is not in its value."""


def to_json_lines(path: Path, name: str, scratch: Path, reporter: Reporter) -> Path:
    """Write the sheet's rows as JSON lines, each on the line that has its row's number.

    Raises AudienceError, which names the file, and SettingError where the reader is not installed.
    """
    require_workbooks()
    has_formulas = _look_through(path, name)
    target = scratch / "sheet.jsonl"
    try:
        with (
            open(path, "rb") as packed,
            closing(_Sheet(packed, has_formulas)) as sheet,
            open(target, "wb") as file,
        ):
            reporter.notes += sheet.notes(name)
            file.write(b"\n")
            lines = sheet.lines(name)
            done = 0
            while some := list(islice(lines, _BATCH)):
                file.write(b"\n".join(some) + b"\n")
                done += len(some)
                reporter.report("reading", done)
    except (KeyError, ValueError, TypeError, IndexError, SyntaxError, zipfile.BadZipFile) as error:
        raise _damaged(name, error) from error
    return target


class _Sheet:
    """The first sheet that is shown; formulas have the values that were saved with them."""

    def __init__(self, file: BinaryIO, has_formulas: bool) -> None:
        self._formulas = _opened(file, data_only=False)
        self._values = _opened(file, data_only=True) if has_formulas else self._formulas

    def close(self) -> None:
        self._formulas.close()
        self._values.close()

    def notes(self, name: str) -> list[str]:
        """A sentence where there are other sheets."""
        others = len(self._formulas.worksheets) - 1
        if not others:
            return []
        title = _first(self._formulas).title
        return [f"Of {name} the sheet {title!r} is read, and no other of its {others + 1} sheets."]

    def lines(self, name: str) -> Iterator[bytes]:
        """One line for each row below the header; a blank one for a blank row."""
        pairs: Iterator[tuple[Any, Any]] = ((row, row) for row in _rows(self._formulas))
        if self._values is not self._formulas:
            pairs = zip(_rows(self._formulas), _rows(self._values), strict=True)
        header = [cell.value for cell in next(pairs, ([], []))[1]]
        names = _names(header, name)
        for number, (written, shown) in zip(count(2), pairs, strict=False):
            if number > _MOST_ROWS:
                raise ValueError(f"it has more than {_MOST_ROWS:,} rows")
            yield _line(names, written, shown)


def _line(names: list[str], written: Any, shown: Any) -> bytes:
    row: dict[str, object] = {}
    for place, cell in enumerate(shown):
        name = names[place] if place < len(names) else " " * (place + 1)
        if cell.value is None:
            if written[place].data_type == "f":
                fault = f"has a formula without a value at {name!r}: save it in Excel once"
                return rows.fault(fault, _text(shown))
            if name.strip():
                row[name] = None
            continue
        value, fault = _value(cell)
        if fault:
            return rows.fault(f"{fault} at {name!r}: format the column as text", _text(shown))
        row[name] = value
    return rows.line(row) if any(value is not None for value in row.values()) else b""


def _value(cell: Any) -> tuple[object, str]:
    """The value as it is shown, or what keeps it from being an identifier."""
    value = cell.value
    if isinstance(value, date | time | timedelta):
        return None, "has a date or a time"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value, ""
    shape = str(cell.number_format).partition(";")[0]
    if not _PLAIN.fullmatch(shape):
        return None, f"has a number that is shown as {shape!r}"
    if abs(value) >= _EXACT:
        return None, "has a number of more than 15 digits, of which Excel has kept 15"
    if value != int(value):
        return value, ""
    whole = shape.partition(".")[0]
    width = whole.count("0") if "," not in whole else 0
    padded = f"{int(value):0{width}}"
    return (padded if padded != str(int(value)) else int(value)), ""


def _names(header: list[Any], name: str) -> list[str]:
    """The columns' names; a column without one has a blank one of its own."""
    names = [str(cell).strip() if cell is not None else "" for cell in header]
    if not any(names):
        raise AudienceError(
            f"The audience {name} has no header: its first row must name the columns."
        )
    for each in names:
        if each and names.count(each) > 1:
            raise AudienceError(f"The audience {name} has the column {each!r} twice: keep one.")
    return [each or " " * (place + 1) for place, each in enumerate(names)]


def _rows(workbook: Any) -> Iterator[Any]:
    sheet = _first(workbook)
    sheet.reset_dimensions()  # what it says of them need not be so, and rows would be missing
    yield from sheet.iter_rows()


def _first(workbook: Any) -> Any:
    sheets = workbook.worksheets
    return next((each for each in sheets if each.sheet_state == "visible"), sheets[0])


def _opened(file: BinaryIO, *, data_only: bool) -> Any:
    from openpyxl import load_workbook

    return load_workbook(file, read_only=True, data_only=data_only, keep_links=False)


def _look_through(path: Path, name: str) -> bool:
    """Refuse what unpacks to too much; whether there are formulas in it."""
    has_formulas = False
    packed = path.stat().st_size
    done = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                texts = 0
                with archive.open(entry) as file:
                    end = b""
                    while piece := file.read(_PIECE):
                        done += len(piece)
                        unpacking.check_growth(name, packed, done)
                        texts += len(piece) if entry.filename == _TEXTS else 0
                        if texts > _MOST_TEXT:
                            raise AudienceError(
                                f"The audience {name} holds too much text for a workbook to be "
                                "read: export it as CSV."
                            )
                        if entry.filename.startswith(_SHEETS) and not has_formulas:
                            has_formulas = _FORMULA.search(end + piece) is not None
                            end = piece[-20:]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise _damaged(name, error) from error
    return has_formulas


def _text(cells: Any) -> str:
    return ",".join("" if cell.value is None else str(cell.value) for cell in cells)


def _damaged(name: str, error: Exception) -> AudienceError:
    return AudienceError(
        f"The audience {name} cannot be read: {error}; the workbook is damaged, save it again."
    )
