"""An audience that is the answer to a query."""

import sqlite3
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from dispatcher.audience.query import query, rows_of
from dispatcher.embedded import ServerUrls
from dispatcher.errors import AudienceError, DatabaseUnavailable, DispatcherError, OptionError
from tests.audience.preparing import outcome_of

USERS = 'SELECT \'u\' || n AS "userId", n AS "devtodevId" FROM generate_series(1, {count}) AS n'


@pytest.fixture
def postgresql(servers: ServerUrls) -> str:
    """The URL of a PostgreSQL, as people write it."""
    return servers.database_url.replace("+psycopg2", "")


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """The URL of an SQLite database with three players."""
    connection = sqlite3.connect(tmp_path / "players.db")
    connection.execute("CREATE TABLE player (id INTEGER, name TEXT, score REAL)")
    rows = [(1, "ann", 0.5), (2, "bob", 1.0), (2**53 + 1, "cid", 2.0)]
    connection.executemany("INSERT INTO player VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return f"sqlite:///{tmp_path}/players.db"


def asked(scratch: Path, text: str, url: str, source: Any = None, **options: Any) -> Any:
    return outcome_of(source, scratch, query=query(text, url), **options)


def refused(scratch: Path, text: str, url: str) -> DispatcherError:
    with pytest.raises(DispatcherError) as caught:
        asked(scratch, text, url)
    return caught.value


def test_the_rows_of_a_query_are_the_audience(scratch: Path, postgresql: str) -> None:
    outcome = asked(scratch, USERS.format(count=2500) + " ;\n", postgresql)
    assert outcome.members == [{"userId": f"u{n}", "devtodevId": n} for n in range(1, 2501)]
    assert (outcome.read, outcome.duplicates) == (2500, 0)


def test_any_database_with_a_driver_will_do(scratch: Path, sqlite: str) -> None:
    query = 'SELECT name AS "userId", id AS "devtodevId" FROM player WHERE name LIKE \'%\''
    assert asked(scratch, query, sqlite).members == [
        {"userId": "ann", "devtodevId": 1},
        {"userId": "bob", "devtodevId": 2},
        {"userId": "cid", "devtodevId": 2**53 + 1},
    ]


def test_a_query_gives_the_members_that_a_file_does(
    tmp_path: Path, scratch: Path, postgresql: str, sqlite: str
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("userId,devtodevId\nann,1\nbob,2\ncid,9007199254740993\n")
    there = """SELECT * FROM (VALUES ('cid', 9007199254740993::numeric), ('ann', 1), ('bob', 2))
               AS player ("userId", "devtodevId")"""
    here = 'SELECT id AS "DEVTODEV_ID", name AS user_id FROM player'
    digests = {
        outcome_of(file, scratch).digest,
        asked(scratch, there, postgresql).digest,
        asked(scratch, here, sqlite).digest,
    }
    assert len(digests) == 1


def test_percents_and_colons_stand_for_themselves(scratch: Path, postgresql: str) -> None:
    query = "SELECT 'a:b%s' AS token WHERE 'x' LIKE '%' AND '12:30'::time > '10:00'"
    assert asked(scratch, query, postgresql).members == [{"token": "a:b%s"}]


def test_files_come_before_the_query(tmp_path: Path, scratch: Path, sqlite: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text("userId\nzoe\nann\n")
    outcome = asked(scratch, 'SELECT name AS "userId" FROM player', sqlite, file)
    assert [member["userId"] for member in outcome.members] == ["zoe", "ann", "bob", "cid"]
    assert outcome.duplicates == 1


def test_it_is_streamed(scratch: Path, postgresql: str) -> None:
    text = "SELECT repeat('x', 800) || n AS token FROM generate_series(1, 200000) AS n"
    rows = query(text, postgresql)
    tracemalloc.start()
    assert sum(1 for _ in rows_of(rows)) == 200_000
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20_000_000


def test_invalid_rows_are_named(scratch: Path, sqlite: str) -> None:
    text = str(refused(scratch, 'SELECT score AS "devtodevId" FROM player', sqlite))
    assert text.startswith("The audience query has 1 invalid row, so nothing is sent: ")
    assert "\n  row 1 devtodevId is a float that is no plain whole number" in text


WRONG: list[tuple[str, str, type[DispatcherError], str]] = [
    ("SELECT", "", OptionError, "has no database: name it with --audience-db"),
    ("SELECT 1", "no url", OptionError, "is named by no URL: write it as postgresql://"),
    ("SELECT 1", "mysql+pymysql://u:p@h/x", OptionError, "needs a driver that is not installed: "),
    ("SELECT 1", "snowflake://u:p@a/x", OptionError, "pip install 'snowflake-sqlalchemy'"),
    ("SELECT 1", "postgresql+asyncpg://u:p@h/x", OptionError, "asyncpg"),
    ("SELECT 1", "sqlite:////no/such.db", AudienceError, "/no/such.db does not exist"),
    ("SELECT 1", "postgresql://u:p@127.0.0.1:1/x", DatabaseUnavailable, "127.0.0.1:1/x cannot be"),
    ("  ", "sqlite://", OptionError, "is empty: give a SELECT"),
    ("SELEC 1", "sqlite://", AudienceError, "is refused: "),
    ("SELECT * FROM nowhere", "sqlite://", AudienceError, "no such table: nowhere"),
    ("CREATE TABLE t (a)", "sqlite://", AudienceError, "gives no rows: give a SELECT"),
    ("SELECT 1 AS age", "sqlite://", AudienceError, "age"),
    ("SELECT 1 AS token, 2 AS token", "sqlite://", AudienceError, "has the column 'token' twice"),
    ("SELECT 1 AS token WHERE 0", "sqlite://", AudienceError, "query is empty: it holds no row"),
]


@pytest.mark.parametrize(("text", "url", "kind", "words"), WRONG)
def test_what_cannot_be_asked_is_refused_in_a_sentence(
    scratch: Path, text: str, url: str, kind: type[DispatcherError], words: str
) -> None:
    error = refused(scratch, text, url)
    assert isinstance(error, kind)
    assert words in str(error)


def test_what_fails_on_its_way_is_a_sentence(scratch: Path, postgresql: str) -> None:
    text = f'SELECT 1 / (1500 - n) AS "devtodevId" FROM ({USERS.format(count=2000)}) AS u (i, n)'
    error = refused(scratch, text, postgresql)
    assert str(error) == "The audience query is refused: division by zero."
    lost = "SELECT 'a' AS token, pg_terminate_backend(pg_backend_pid())"
    assert isinstance(refused(scratch, lost, postgresql), DatabaseUnavailable)


def test_nothing_is_changed_by_it(scratch: Path, postgresql: str) -> None:
    error = refused(scratch, "SELECT lo_create(0)::text AS token", postgresql)
    assert "read-only" in str(error)


def test_no_output_holds_the_password(scratch: Path, tmp_path: Path) -> None:
    secret = "p@ss/w:rd%of#mine"
    urls = [
        "postgresql://me:p%40ss%2Fw%3Ard%25of%23mine@127.0.0.1:1/x",
        f"postgresql://me:{secret}@127.0.0.1:1/x",
        f"nothing://me:{secret}@h/x",
        f"mysql+pymysql://me:{secret}@h:port/x",
    ]
    for url in urls:
        text = str(refused(scratch, "SELECT 1", url)) + repr(query("SELECT 1", url))
        assert secret not in text
        assert "p%40ss" not in text


def test_a_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path, scratch: Path) -> None:
    refused(scratch, "SELECT 1 AS token", f"sqlite:///{tmp_path}/new.db")
    assert not (tmp_path / "new.db").exists()
