"""Writing in the application's own transaction: which are fit for it, and how little is touched."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import TRANSACTION_STATUS_INERROR
from sqlalchemy import Connection, Engine, text

from dispatcher.books.session import DIALECT, commits_alone, dialect_of, transaction, translated
from dispatcher.errors import OptionError

# A restart of the server between the two questions is told as another server; the next try works.
_WHERE = text("""
SELECT pg_postmaster_start_time(),
       (SELECT oid FROM pg_database WHERE datname = current_database()),
       CAST(to_regclass('campaign') AS oid), CAST(to_regclass('chunk') AS oid)
""")


@contextmanager
def within(connection: Connection) -> Iterator[Connection]:
    """A part of the application's transaction: done whole or not at all, and the rest goes on.

    Nothing of the session is set: the application's own limits hold. Raises what `transaction`
    raises.
    """
    with translated(connection.engine), connection.begin_nested():
        yield connection


def check_at_commit(connection: Connection) -> None:
    """Let campaigns be whole at the commit only, where the application wants all checked at once.

    A campaign's row comes before its chunks.
    """
    connection.execute(text("SET CONSTRAINTS campaign_is_whole DEFERRED"))


def check_connection(connection: object, engine: Engine) -> Connection:
    """The connection, where what `engine` leads to can be written with it.

    Raises OptionError unless it is SQLAlchemy's, through psycopg2, in a transaction that can still
    be committed, and sees the same tables; and what `transaction` raises.
    """
    if not isinstance(connection, Connection):
        raise OptionError(
            f"connection is a {type(connection).__name__}: give a SQLAlchemy Connection, as of "
            "engine.begin(), or session.connection() of a Session."
        )
    dialect = dialect_of(connection)
    if dialect != DIALECT:
        raise OptionError(f"connection is one of {dialect}: give one of {DIALECT}.")
    if connection.closed or connection.invalidated or not connection.in_transaction():
        raise OptionError(
            "connection is in no transaction: give one inside of engine.begin(), or leave it out."
        )
    _check_driver(connection)
    if connection.engine.pool is not engine.pool:
        with transaction(engine) as own:
            ours = tuple(own.execute(_WHERE).one())
        with within(connection) as theirs:
            if tuple(theirs.execute(_WHERE).one()) != ours:
                raise OptionError(
                    "connection leads to another database or schema than DISPATCHER_DATABASE_URL: "
                    "a campaign in it would never be sent."
                )
    return connection


def _check_driver(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    if commits_alone(connection):
        raise OptionError(
            "connection commits every statement by itself (AUTOCOMMIT): give one whose transaction "
            "you commit, or leave it out."
        )
    if driver.info.transaction_status == TRANSACTION_STATUS_INERROR:
        raise OptionError(
            "connection is in a transaction that has failed: roll it back, and begin another one."
        )
    if driver.encoding not in ("UTF8", "UNICODE"):
        raise OptionError(
            f"connection speaks {driver.encoding}: connect with client_encoding=utf8."
        )
