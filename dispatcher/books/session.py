"""Engines whose sessions hold nobody up: what freezes or waits is ended by the server."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2.extensions
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from dispatcher.books.troubles import as_ours, ends_connection
from dispatcher.errors import OptionError, SettingError

_OURS = "dispatcher"
"""The execution option of our connections: those of an application's engine are its own affair."""

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
    except (ArgumentError, ValueError) as error:
        raise SettingError(
            "DISPATCHER_DATABASE_URL is wrong: write postgresql://user:password@host:port/name."
        ) from error
    engine = create_engine(
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
        execution_options={_OURS: True},
    )
    event.listen(engine, "handle_error", _let_go_of_what_ended)
    return engine


def adopt(engine: Engine) -> Engine:
    """The application's engine, for transactions of ours, whatever its isolation level is.

    They share its pool; its other connections are left as they are. Raises OptionError where it is
    none of SQLAlchemy's for PostgreSQL through psycopg2.
    """
    if not isinstance(engine, Engine):
        raise OptionError(
            f"engine is a {type(engine).__name__}: give a SQLAlchemy Engine, as of create_engine()."
        )
    dialect = f"{engine.dialect.name}+{engine.dialect.driver}"
    if dialect != "postgresql+psycopg2":
        raise OptionError(
            f"engine is one of {dialect}: give one of postgresql+psycopg2, which streams audiences."
        )
    if not event.contains(engine, "handle_error", _let_go_of_what_ended):
        event.listen(engine, "handle_error", _let_go_of_what_ended)
    return engine.execution_options(**{_OURS: True})


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction; what the database refuses comes out as one of our errors.

    Raises DatabaseUnavailable where the server cannot be reached, SchemaMismatch where it was not
    migrated.
    """
    with translated(engine), _connect(engine) as connection:
        _isolate_as_usual(connection)
        with connection.begin():
            yield connection


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads, and sees all rows as they were at its beginning.

    Raises what `transaction` raises.
    """
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with translated(engine), _connect(reading) as connection, connection.begin():
        yield connection


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Let whatever goes wrong with the database out as one of our errors."""
    try:
        yield
    except (SQLAlchemyError, psycopg2.Error) as error:
        raise as_ours(error, place_of(engine)) from error


def allow_long_statements(connection: Connection) -> None:
    """Lift the limits on a statement for this transaction: preparation moves whole audiences.

    The limit on waiting for a lock is one of them: a producer with the same key waits as long.
    """
    connection.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"))


def try_lock(connection: Connection, lock: int) -> bool:
    """Hold this lock of the whole fleet until the transaction's end; False where another does."""
    return bool(connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": lock}))


def place_of(engine: Engine) -> str:
    """The server and the database that an engine connects to, for a person."""
    _, named = engine.dialect.create_connect_args(engine.url)
    hosts = str(named.get("host") or "the local socket").split(",")
    ports = str(named.get("port") or "").split(",")
    ports += ports[-1:] * (len(hosts) - len(ports))
    servers = (f"{host}:{port or 5432}" for host, port in zip(hosts, ports, strict=False))
    return f"{','.join(servers)}/{named.get('dbname', '')}"


def _connect(engine: Engine) -> Connection:
    """A connection that the server has not ended while it was idle."""
    connection = engine.connect()
    while connection.info.get(_OURS) and _has_ended(connection):
        connection.invalidate()
        connection.close()
        connection = engine.connect()
    connection.info[_OURS] = True
    return connection


def _isolate_as_usual(connection: Connection) -> None:
    """Leave whatever an application's engine has instead of read committed, autocommit above all.

    What has waited for another's commit has to see it.
    """
    driver: Any = connection.connection.driver_connection
    usual = (None, psycopg2.extensions.ISOLATION_LEVEL_READ_COMMITTED)
    if driver.autocommit or driver.isolation_level not in usual:
        connection.execution_options(isolation_level="READ COMMITTED")


def _has_ended(connection: Connection) -> bool:
    """Whether something arrived that nobody asked for: the server's farewell, or its end."""
    driver: Any = connection.connection.driver_connection
    if driver.closed:
        return True
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _let_go_of_what_ended(context: ExceptionContext) -> None:
    """Let the pool drop a connection that met its end, and all that are as old as it."""
    connection = context.connection
    if connection is not None and connection.get_execution_options().get(_OURS):
        context.is_disconnect |= ends_connection(context.original_exception)
