"""Parquet files: the columns have types of their own."""

from pathlib import Path

import duckdb
import pytest

from tests.audience.preparing import outcome_of, refusal_of, rejects_of, written


def parquet(path: Path, query: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.parquet"


def test_members_come_in_the_files_order(file: Path, scratch: Path) -> None:
    parquet(file, "SELECT 'u' || range AS userId, range AS devtodevId FROM range(5000)")
    outcome = outcome_of(file, scratch)
    assert outcome.members == [{"userId": f"u{i}", "devtodevId": i} for i in range(5000)]
    assert outcome.chunks == 5


def test_nulls_are_absent_and_uuids_are_texts(file: Path, scratch: Path) -> None:
    parquet(
        file,
        """SELECT * FROM (VALUES
        ('0190fb2c-0000-7000-8000-000000000001'::UUID, NULL::VARCHAR, 7.0::DOUBLE),
        (NULL, 'ann', NULL)) AS rows (idfv, userId, devtodevId)""",
    )
    assert outcome_of(file, scratch).members == [
        {"idfv": "0190fb2c-0000-7000-8000-000000000001", "devtodevId": 7},
        {"userId": "ann"},
    ]


def test_a_wrong_type_is_named_with_the_number_of_its_row(file: Path, scratch: Path) -> None:
    parquet(
        file, "FROM (VALUES ('a', NULL), ('b', 5.5::DOUBLE), (NULL, NULL)) AS rows (token, userId)"
    )
    assert rejects_of(file, scratch) == [
        (2, "userId is a float that is no plain whole number: export as integer or text", ""),
        (3, "has no identifier", ""),
    ]
    assert "\n  row 2 userId is a float " in refusal_of(file, scratch)


def test_an_unknown_column_is_refused(file: Path, scratch: Path) -> None:
    parquet(file, "SELECT 'a' AS token, 1 AS age")
    assert refusal_of(file, scratch, ["win"]) == (
        f"The audience {file} has the column 'age', which no platform of the message knows; known "
        "are token, advertisingId, serialId, userId, devtodevId. Say what it is "
        "(--column NAME=identifier), or leave it out (--ignore-columns)."
    )


def test_a_directory_that_looks_partitioned_adds_no_column(tmp_path: Path, scratch: Path) -> None:
    file = parquet(tmp_path / "date=2026-11-23" / "users.parquet", "SELECT 'a' AS token")
    assert outcome_of(file, scratch).members == [{"token": "a"}]


@pytest.mark.parametrize("content", [b"", b"nothing\n", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_a_damaged_file_is_refused(file: Path, scratch: Path, content: bytes) -> None:
    text = refusal_of(written(file, content), scratch)
    assert text.startswith(f"The audience {file} cannot be read: ")
    assert text.endswith("the file is damaged, make it again.")


def test_a_file_without_rows_is_refused(file: Path, scratch: Path) -> None:
    parquet(file, "SELECT 'a' AS token WHERE false")
    assert refusal_of(file, scratch) == f"The audience {file} is empty: it holds no row."
