"""Data frames and tables of Arrow, as they are."""

import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow
import pytest

from tests.audience.preparing import outcome_of, refusal_of, rejects_of

COLUMNS: dict[str, list[Any]] = {
    "userId": ["ann", "bob", None, "é😀"],
    "token": [None, "t2", "t3", "t3"],
    "devtodevId": [1, 2, 3, 2**62],
}
ROWS = [
    {"userId": "ann", "devtodevId": 1},
    {"token": "t2", "userId": "bob", "devtodevId": 2},
    {"token": "t3", "devtodevId": 3},
]


def tables() -> dict[str, Any]:
    return {
        "pandas": pandas.DataFrame(COLUMNS),
        "polars": polars.DataFrame(COLUMNS),
        "arrow": pyarrow.table(COLUMNS),
        "batches": pyarrow.table(COLUMNS).to_reader(max_chunksize=1),
        "duckdb": duckdb.connect().from_arrow(pyarrow.table(COLUMNS)),
    }


@pytest.mark.parametrize("kind", tables())
def test_a_table_is_an_audience(scratch: Path, kind: str) -> None:
    outcome = outcome_of(tables()[kind], scratch)
    assert outcome.members == ROWS
    assert (outcome.read, outcome.duplicates) == (4, 1)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
    assert outcome.digest == outcome_of(rows, scratch).digest


@pytest.mark.parametrize("kind", tables())
def test_no_table_needs_the_library_of_arrow(
    scratch: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tables()[kind]
    if kind == "pandas":  # which then hands over rows
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert outcome_of(table, scratch).members == ROWS


def test_tables_and_files_are_one_audience(tmp_path: Path, scratch: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("userId\nann\ncid\n")
    source: list[Any] = [polars.DataFrame({"userId": ["ann"]}), file]
    outcome = outcome_of(source, scratch)
    assert outcome.members == [{"userId": "ann"}, {"userId": "cid"}]
    assert outcome.duplicates == 1


def test_a_table_suppresses(scratch: Path) -> None:
    rows = [{"userId": "ann"}, {"userId": "bob"}]
    outcome = outcome_of(rows, scratch, suppress=pandas.DataFrame({"userId": ["bob"]}))
    assert outcome.members == [{"userId": "ann"}]


def test_columns_of_several_types_are_read_value_by_value(scratch: Path) -> None:
    frame = pandas.DataFrame({"devtodevId": [1, "two", 3.5], "userId": ["ann", "bob", "cid"]})
    lines = [line for line, _, _ in rejects_of(frame, scratch)]
    assert lines == [2, 3]


def test_an_invalid_row_is_named_by_its_number(scratch: Path) -> None:
    frame = polars.DataFrame({"userId": ["ann", None]})
    assert "row 2 has no identifier" in refusal_of(frame, scratch)


@pytest.mark.parametrize("library", [pandas, polars])
def test_an_unknown_column_is_refused(scratch: Path, library: Any) -> None:
    text = refusal_of(library.DataFrame({"userId": ["ann"], "age": [7]}), scratch)
    assert "The audience given has the column 'age'" in text


def test_a_column_twice_is_refused(scratch: Path) -> None:
    frame = pandas.DataFrame([["a", "b"]], columns=["token", "token"])
    assert "token" in refusal_of(frame, scratch)


def test_a_table_without_rows_is_empty(scratch: Path) -> None:
    text = refusal_of(polars.DataFrame({"userId": []}, schema={"userId": polars.String}), scratch)
    assert text == "The audience given is empty: it holds no row."
