"""Excel workbooks: the first sheet, as it is shown."""

import io
import re
import sys
import zipfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from dispatcher.errors import SettingError
from tests.audience.preparing import outcome_of, refusal_of, rejects_of, written


def workbook(path: Path, rows: Sequence[Sequence[Any]], **formats: str) -> Path:
    """A workbook of these rows; `formats` are those of some cells, as in A2="000000"."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, shape in formats.items():
        book.active[cell].number_format = shape
    book.save(path)
    return path


def changed(path: Path, entry: str, pattern: str, by: str) -> Path:
    """The workbook with one of its parts changed, as another program would have written it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert re.search(pattern.encode(), parts[entry])
    parts[entry] = re.sub(pattern.encode(), by.encode(), parts[entry])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.xlsx"


SHEET = "xl/worksheets/sheet1.xml"


def test_its_rows_are_the_audience(file: Path, scratch: Path) -> None:
    workbook(
        file, [["userId", "devtodevId"], ["ann", 1001], ["é😀", None], [None, 12.0], ["ann", 1001]]
    )
    outcome = outcome_of(file, scratch)
    assert outcome.members == [
        {"userId": "ann", "devtodevId": 1001},
        {"userId": "é😀"},
        {"devtodevId": 12},
    ]
    assert (outcome.read, outcome.duplicates, outcome.notes) == (4, 1, ())


def test_a_number_is_what_is_shown(file: Path, scratch: Path) -> None:
    rows: list[list[Any]] = [["userId", "devtodevId"], [123, 1234567], ["0042", 5]]
    workbook(file, rows, A2="000000", B2="#,##0")
    assert outcome_of(file, scratch).members == [
        {"userId": "000123", "devtodevId": 1234567},
        {"userId": "0042", "devtodevId": 5},
    ]


def test_blank_rows_and_unnamed_columns_count_for_nothing(file: Path, scratch: Path) -> None:
    rows = [["userId", None, "token"], ["ann", None, None], [], [None, None, "t"], [None, "", None]]
    assert outcome_of(workbook(file, rows), scratch).members == [{"userId": "ann"}, {"token": "t"}]


def test_what_is_not_exact_is_named_with_its_row(file: Path, scratch: Path) -> None:
    rows: list[list[Any]] = [
        ["userId", "devtodevId"],
        ["good", 1],
        [],
        [datetime(2026, 11, 30), 2],
        [timedelta(hours=1), 3],
        ["half", 0.5],
        ["percent", 1],
        [4873214862074861312, 4],
        ["yes", True],
        ["long", 10**15],
    ]
    workbook(file, rows, B7="0%")
    assert [line for line, _, _ in rejects_of(file, scratch)] == [4, 5, 6, 7, 8, 9, 10]
    reasons = {line: reason for line, reason, _ in rejects_of(file, scratch)}
    assert reasons[4] == "has a date or a time at 'userId': format the column as text"
    assert (
        reasons[7]
        == "has a number that is shown as '0%' at 'devtodevId': format the column as text"
    )
    assert reasons[8].startswith("has a number of more than 15 digits, of which Excel has kept 15")


def test_a_formula_has_the_value_that_was_saved_with_it(file: Path, scratch: Path) -> None:
    workbook(file, [["userId", "devtodevId"], ["ann", "=1+1"], ["bob", 3]])
    assert [(line, reason) for line, reason, _ in rejects_of(file, scratch)] == [
        (2, "has a formula without a value at 'devtodevId': save it in Excel once")
    ]
    changed(file, SHEET, r"<f>1\+1</f><v ?/>|<f>1\+1</f><v></v>", "<f>1+1</f><v>2</v>")
    assert outcome_of(file, scratch).members[0] == {"userId": "ann", "devtodevId": 2}


def test_rows_beyond_what_the_sheet_says_of_itself_are_read(file: Path, scratch: Path) -> None:
    workbook(file, [["userId"], ["ann"], ["bob"]])
    changed(file, SHEET, r'<dimension ref="[A-Z0-9:]+" ?/>', '<dimension ref="A1"/>')
    assert outcome_of(file, scratch).total == 2


def test_the_first_sheet_that_is_shown_is_read_and_told(file: Path, scratch: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["age"])
    book.active.sheet_state = "hidden"
    for title in ("Players", "More"):
        book.create_sheet(title).append(["userId"])
        book[title].append([title])
    book.active = 1
    book.save(file)
    outcome = outcome_of(file, scratch)
    assert outcome.members == [{"userId": "Players"}]
    assert outcome.notes == (
        f"Of {file} the sheet 'Players' is read, and no other of its 3 sheets.",
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "has no header"),
        ([[None], ["ann"]], "has no header"),
        ([["userId", "userId"], ["a", "b"]], "has the column 'userId' twice"),
        ([["userId", "age"], ["a", 7]], "age"),
        ([["userId"]], "is empty: it holds no row"),
    ],
)
def test_a_sheet_that_is_no_audience_is_refused(
    file: Path, scratch: Path, rows: list[list[Any]], expected: str
) -> None:
    text = refusal_of(workbook(file, rows), scratch)
    assert str(file) in text
    assert expected in text


@pytest.mark.parametrize("cut", [100, 2000, -30])
def test_a_damaged_workbook_is_refused(file: Path, scratch: Path, cut: int) -> None:
    content = workbook(file, [["userId"], ["ann"]]).read_bytes()
    text = refusal_of(written(file, content[:cut]), scratch)
    assert text.startswith(f"The audience {file} cannot be read: ")


@pytest.mark.parametrize("entry", [SHEET, "xl/workbook.xml"])
def test_xml_that_is_broken_or_grows_is_refused(file: Path, scratch: Path, entry: str) -> None:
    workbook(file, [["userId"], ["ann"]])
    changed(file, entry, r"</(worksheet|workbook)>", "</nothing>")
    assert refusal_of(file, scratch).endswith("the workbook is damaged, save it again.")
    lol = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
    )
    workbook(file, [["userId"], ["ann"]])
    changed(file, SHEET, r"<worksheet", lol + "]><worksheet")
    changed(file, SHEET, r"</worksheet>", "<a>&j;</a></worksheet>")
    assert refusal_of(file, scratch).endswith("the workbook is damaged, save it again.")


def test_a_bomb_is_refused(file: Path, scratch: Path) -> None:
    workbook(file, [["userId"], ["ann"]])
    with (
        zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as book,
        book.open("xl/media/image1.png", "w", force_zip64=True) as entry,
    ):
        for _ in range(300):
            entry.write(bytes(1 << 20))
    assert "unpacks to more than 200 times its size" in refusal_of(file, scratch)


def test_without_the_reader_its_extra_is_named(
    file: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    workbook_bytes = io.BytesIO()
    with zipfile.ZipFile(workbook_bytes, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    written(file, workbook_bytes.getvalue())
    with pytest.raises(SettingError, match=r"need an extra: pip install '.*\[xlsx\]'"):
        outcome_of(file, scratch)
