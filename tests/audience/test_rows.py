"""Rows as databases' drivers and data frames hand them over."""

import csv
import datetime
import sqlite3
from collections import UserDict, namedtuple
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy
import pandas
import psycopg2
import pytest
from psycopg2.extras import DictCursor, NamedTupleCursor, RealDictCursor
from sqlalchemy import create_engine

from dispatcher.embedded import ServerUrls
from tests.audience.preparing import outcome_of, refusal_of, rejects_of

QUERY = 'SELECT \'ann\' AS "userId", 7 AS "devtodevId" UNION ALL SELECT NULL, 8'
MEMBERS = [{"userId": "ann", "devtodevId": 7}, {"devtodevId": 8}]


@pytest.mark.parametrize("factory", [DictCursor, RealDictCursor, NamedTupleCursor])
def test_rows_of_psycopg2_have_their_names(
    servers: ServerUrls, scratch: Path, factory: Any
) -> None:
    url = servers.database_url.replace("+psycopg2", "")
    with psycopg2.connect(url, cursor_factory=factory) as connection:
        cursor = connection.cursor()
        cursor.execute(QUERY)
        assert outcome_of(cursor, scratch).members == MEMBERS
    connection.close()


def test_rows_of_sqlalchemy_have_their_names(servers: ServerUrls, scratch: Path) -> None:
    engine = create_engine(servers.database_url)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(QUERY)
        assert outcome_of(rows, scratch).members == MEMBERS
        rows = connection.exec_driver_sql(QUERY)
        assert outcome_of(rows.mappings(), scratch).members == MEMBERS
    engine.dispose()


def test_rows_of_sqlite_have_their_names(scratch: Path) -> None:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    assert outcome_of(connection.execute(QUERY), scratch).members == MEMBERS
    connection.close()


def test_rows_of_csv_and_of_named_tuples_have_their_names(scratch: Path) -> None:
    assert outcome_of(csv.DictReader(["userId,token", "ann,"]), scratch).total == 1
    row = namedtuple("row", ["userId", "token"])
    assert outcome_of([row("ann", None)], scratch).members == [{"userId": "ann"}]
    assert outcome_of([UserDict(userId="ann")], scratch).members == [{"userId": "ann"}]


def test_two_columns_of_one_name_lose_no_value_silently(scratch: Path) -> None:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    engine = create_engine("sqlite://")
    query = "SELECT 'a' AS token, 'b' AS token"
    with engine.connect() as alchemy:
        for rows in (connection.execute(query), alchemy.exec_driver_sql(query)):
            assert "row 1 has two columns of the same name" in refusal_of(rows, scratch)
    connection.close()
    engine.dispose()


def test_what_stands_for_nothing_is_nothing(scratch: Path) -> None:
    nothing = [None, "", float("nan"), Decimal("nan"), pandas.NA, pandas.NaT, numpy.float64("nan")]
    rows = [{"userId": "ann", "token": each} for each in nothing]
    outcome = outcome_of(rows, scratch)
    assert (outcome.members, outcome.duplicates) == ([{"userId": "ann"}], len(nothing) - 1)


def test_values_keep_what_they_say(scratch: Path) -> None:
    token = UUID("0190fb2c-0000-7000-8000-000000000001")
    rows: list[Any] = [
        {"token": token},
        {"token": "jürgen".encode()},
        {"token": memoryview(b"raw")},
        {"token": numpy.str_("text")},
        {"devtodevId": numpy.int64(2**62)},
        {"devtodevId": numpy.uint64(2**64 - 1)},
        {"devtodevId": numpy.float32(7)},
        {"devtodevId": Decimal("8.00")},
    ]
    assert [next(iter(member.values())) for member in outcome_of(rows, scratch).members] == [
        str(token),
        "jürgen",
        "raw",
        "text",
        2**62,
        2**64 - 1,
        7,
        8,
    ]


@pytest.mark.parametrize(
    "value",
    [
        datetime.datetime(2026, 11, 30),
        datetime.date(2026, 11, 30),
        datetime.time(8),
        pandas.Timestamp("2026-11-30"),
        b"\xff",
        numpy.float32(2**24),
        numpy.bool_(True),
        True,
        float("inf"),
        float("-inf"),
        Decimal("1.5"),
        Decimal("inf"),
        1.5,
        2**64,
        ["list"],
        {"a": 1},
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_read_exactly_is_invalid(scratch: Path, value: object) -> None:
    rows: list[Any] = [
        {"token": "good"},
        {"devtodevId": value},
        {"devtodevId": value, "token": "t"},
    ]
    assert [line for line, _, _ in rejects_of(rows, scratch)] == [2, 3]
