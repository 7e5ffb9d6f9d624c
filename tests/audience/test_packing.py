"""Chunks in a real PostgreSQL."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import Connection, Row, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from dispatcher.audience import Progress, copy_chunks, prepare
from dispatcher.books import copying
from dispatcher.errors import SettingError
from tests.audience.preparing import IOS_AND_ANDROID

CAMPAIGN = uuid.UUID("0190fb2c-0000-7000-8000-000000000001")

A_TABLE_OF_THAT_SHAPE = """
    CREATE TEMPORARY TABLE chunk (campaign_id uuid, sequence integer, size integer, members text,
                                  variant smallint, canary boolean,
                                  state text DEFAULT 'pending')"""


@pytest.fixture
def connection(empty_database_url: str) -> Iterator[Connection]:
    engine = create_engine(empty_database_url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(A_TABLE_OF_THAT_SHAPE))
        connection.commit()
        yield connection


def chunks(connection: Connection) -> list[Row[tuple[uuid.UUID, int, int, str, str]]]:
    return list(connection.execute(text("TABLE chunk ORDER BY sequence")))


def test_members_fill_chunks_of_a_thousand_in_order(connection: Connection, scratch: Path) -> None:
    rows = [{"userId": f"u{i}"} for i in range(2001)]
    with prepare(rows, IOS_AND_ANDROID, scratch=scratch) as prepared:
        copy_chunks(connection, CAMPAIGN, prepared)
    written = chunks(connection)
    assert [(chunk.campaign_id, chunk.sequence, chunk.size) for chunk in written] == [
        (CAMPAIGN, 1, 1000),
        (CAMPAIGN, 2, 1000),
        (CAMPAIGN, 3, 1),
    ]
    assert [member for chunk in written for member in json.loads(chunk.members)] == rows
    assert {chunk.state for chunk in written} == {"pending"}


def test_nasty_texts_arrive_as_they_were(connection: Connection, scratch: Path) -> None:
    texts = ["\\N.", "\\.", "\\", 'q"', "tab\tline\nreturn\r.", "\x7f", "é😀\u2028.", "\\u0041"]
    with prepare([{"userId": each} for each in texts], ["ios"], scratch=scratch) as prepared:
        copy_chunks(connection, CAMPAIGN, prepared)
    (chunk,) = chunks(connection)
    assert json.loads(chunk.members) == [{"userId": each} for each in texts]


def test_nothing_is_there_unless_the_caller_commits(connection: Connection, scratch: Path) -> None:
    with prepare([{"token": "a"}], ["ios"], scratch=scratch) as prepared:
        with connection.begin() as transaction:
            copy_chunks(connection, CAMPAIGN, prepared)
            transaction.rollback()
        assert chunks(connection) == []
        connection.rollback()
        with connection.begin():
            copy_chunks(connection, CAMPAIGN, prepared)
    assert len(chunks(connection)) == 1


def test_ctrl_c_right_as_the_driver_asks_for_more_goes_through(
    connection: Connection, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_stream: object, _size: int) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(copying._Stream, "read", interrupted)
    with (
        prepare([{"token": "a"}], ["ios"], scratch=scratch) as prepared,
        pytest.raises(KeyboardInterrupt),
        connection.begin(),
    ):
        copy_chunks(connection, CAMPAIGN, prepared)


def test_too_little_memory_to_pack_is_named_with_its_setting(
    scratch: Path,
) -> None:
    with (
        prepare([{"token": "a"}], ["ios"], scratch=scratch) as prepared,
        pytest.raises(SettingError, match="DISPATCHER_PREPARE_MEMORY of"),
        prepared.engine.rows("SELECT 1"),
    ):
        raise duckdb.OutOfMemoryException("Out of Memory Error: no room")


def test_a_fault_in_the_middle_leaves_nothing(connection: Connection, scratch: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.phase == "packing":
            raise ZeroDivisionError

    rows = ({"userId": f"u{i}"} for i in range(5000))
    with (
        prepare(rows, ["ios"], scratch=scratch, progress=stop) as prepared,
        pytest.raises(ZeroDivisionError),
        connection.begin(),
    ):
        copy_chunks(connection, CAMPAIGN, prepared)
    assert chunks(connection) == []


def test_a_server_that_goes_away_amid_copy_is_an_error_of_sqlalchemys(
    connection: Connection, scratch: Path, empty_database_url: str
) -> None:
    backend = connection.scalar(text("SELECT pg_backend_pid()"))
    connection.commit()
    other = create_engine(empty_database_url, poolclass=NullPool)
    terminating = text("SELECT pg_terminate_backend(:backend, 5000)").bindparams(backend=backend)

    def terminate(progress: Progress) -> None:
        if progress.phase == "packing":
            with other.begin() as killer:
                killer.execute(terminating)

    rows = ({"userId": f"u{i}"} for i in range(200_000))
    with (
        prepare(rows, ["ios"], scratch=scratch, progress=terminate) as prepared,
        pytest.raises(OperationalError),
        connection.begin(),
    ):
        copy_chunks(connection, CAMPAIGN, prepared)
