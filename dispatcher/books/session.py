"""Engines whose sessions hold nobody up: what freezes or waits is ended by the server."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dispatcher.errors import DatabaseUnavailable, SchemaMismatch, ServiceError, SettingError

_UNDEFINED_TABLE = "42P01"
_UNDEFINED_COLUMN = "42703"
_UNDEFINED_FUNCTION = "42883"
_UNDEFINED = (_UNDEFINED_TABLE, _UNDEFINED_COLUMN, _UNDEFINED_FUNCTION)
_NO_RIGHT = "42501"
_READ_ONLY = "25006"
"""What a server says that became a standby under us; the next connection may find the leader."""

SESSION_LIMITS = {
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "timezone": "UTC",
    "application_name": "dispatcher",
    # Chunk rows are found by their keys, or a few by a partial index: compiling never pays.
    "jit": "off",
}


def make_engine(database_url: str, *, connections: int = 5) -> Engine:
    """An engine with at most `connections` connections; nothing is opened before its first use.

    Raises SettingError where the URL cannot be understood.
    """
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise SettingError(
            "DISPATCHER_DATABASE_URL is wrong: write postgresql://user:password@host:port/name."
        ) from error
    return create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_use_lifo=True,  # the server answers faster on a connection that was just used
        pool_timeout=30,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 5,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
            "options": " ".join(f"-c {name}={value}" for name, value in SESSION_LIMITS.items()),
        },
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction; what the database refuses comes out as one of our errors.

    Raises DatabaseUnavailable where the server cannot be reached, SchemaMismatch where it was not
    migrated.
    """
    with translated(engine), engine.begin() as connection:
        yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads, and sees all rows as they were at its beginning.

    Raises what `transaction` raises.
    """
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with transaction(reading) as connection:
        yield connection


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Let the driver's errors of an absent server or an absent table out as ours."""
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseUnavailable(
            f"PostgreSQL at {_place(engine)} cannot be used: all of this process's connections "
            "are busy. Is the server slow?"
        ) from error
    except OperationalError as error:
        raise DatabaseUnavailable(
            f"PostgreSQL at {_place(engine)} cannot be used: {_first_line(error)}. "
            "Is the server running, and is DISPATCHER_DATABASE_URL right?"
        ) from error
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", None) in _UNDEFINED:
            raise SchemaMismatch(
                f"The database {_place(engine)} does not hold this version's tables: "
                "run `dispatcher migrate`."
            ) from error
        if getattr(error.orig, "pgcode", None) == _NO_RIGHT:
            raise ServiceError(
                f"PostgreSQL at {_place(engine)} refuses the role of DISPATCHER_DATABASE_URL: "
                f"{_first_line(error)}. Grant it the rights on the tables."
            ) from error
        raise


def allow_long_statements(connection: Connection) -> None:
    """Lift the limits on a statement for this transaction: preparation moves whole audiences.

    The limit on waiting for a lock is one of them: a producer with the same key waits as long.
    """
    connection.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"))


def try_lock(connection: Connection, lock: int) -> bool:
    """Hold this lock of the whole fleet until the transaction's end; False where another does."""
    return bool(connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": lock}))


def is_transient(error: Exception) -> bool:
    """Whether the same statement may succeed later: the server was away or busy."""
    return isinstance(error, DatabaseUnavailable) or (
        isinstance(error, DBAPIError)
        and (
            error.connection_invalidated
            or getattr(error.orig, "pgcode", None) == _READ_ONLY
            or isinstance(error.orig, psycopg2.OperationalError | psycopg2.InterfaceError)
        )
    )


def words_of(error: Exception) -> str:
    """What an error says, for a log: of the database's only the first line.

    Its details quote the row, and a chunk's row begins with its members.
    """
    return _first_line(error) if isinstance(error, DBAPIError) else str(error)


def _place(engine: Engine) -> str:
    url = engine.url
    return f"{url.host or 'the local socket'}:{url.port or 5432}/{url.database or ''}"


def _first_line(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0].rstrip(".") if lines else "no reason given"
