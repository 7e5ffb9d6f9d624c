"""Engines whose sessions hold nobody up: what freezes or waits is ended by the server."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2.extensions
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from dispatcher.books.address import read_address
from dispatcher.books.limits import Isolation, opening
from dispatcher.books.troubles import as_ours, ends_connection, first_line, leave_out_rows
from dispatcher.errors import DatabaseUnavailable, OptionError, ServiceError, SettingError

_OURS = "dispatcher"
"""The execution option of our connections: those of an application's engine are its own affair."""

DIALECT = "postgresql+psycopg2"
"""Audiences are streamed through this driver's COPY."""

_CONNECTING = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "fallback_application_name": "dispatcher",
}
"""What the URL may have otherwise; every pooler takes it."""

_ASKED = "dispatcher_asked"
_EACH_ALONE = "dispatcher_each_alone"
_READS = "dispatcher_reads"
_REFUSED_SETTING = frozenset({"22023", "42501", "42704", "55P02"})


class _Session(psycopg2.extensions.connection):
    """A connection whose transactions begin with a statement of ours, limits and all.

    The driver's own BEGIN would be a message more, and what it knows of isolation it would set for
    the whole session.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.autocommit = True

    def commit(self) -> None:
        self._end("COMMIT")

    def rollback(self) -> None:
        self._end("ROLLBACK")

    def _end(self, statement: str) -> None:
        if self.info.transaction_status != TRANSACTION_STATUS_IDLE:
            with self.cursor() as cursor:
                cursor.execute(statement)


def make_engine(database_url: str, *, connections: int = 5) -> Engine:
    """An engine with at most `connections` connections; nothing is opened before its first use.

    Raises SettingError where the URL cannot be understood.
    """
    address = read_address(database_url)
    engine = create_engine(
        address.url,
        pool_size=connections,
        max_overflow=0,
        pool_use_lifo=True,  # the server answers faster on a connection that was just used
        pool_timeout=30,
        hide_parameters=True,
        use_native_hstore=False,
        connect_args={
            **{name: of for name, of in _CONNECTING.items() if name not in address.url.query},
            **_proof(address.url),
            **({"sslpassword": address.key_password} if address.key_password else {}),
            "connection_factory": _Session,
            "client_encoding": "UTF8",
            # They are part of each transaction instead.
            **({"options": ""} if address.asked else {}),
        },
        execution_options={_OURS: True, _ASKED: address.asked},
    )
    event.listen(engine, "begin", _begin)
    _listen_for_errors(engine)
    return engine


def _proof(url: URL) -> dict[str, str]:
    """Who names the server's process expects it to prove itself: it has to know the password too.

    That is how an embedded server is named. What asks for a password in clear, or for none, is
    another.
    """
    asked = url.password and "requirepeer" in url.query and "require_auth" not in url.query
    return {"require_auth": "scram-sha-256"} if asked else {}


def each_alone(engine: Engine) -> Engine:
    """An engine of ours whose statements are transactions of their own, each one message.

    What it answers is the commit's answer.
    """
    alone = engine.execution_options(**{_EACH_ALONE: True})
    event.listen(alone, "before_cursor_execute", _bring_opening, retval=True)
    return alone


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(_EACH_ALONE):
        return
    try:
        connection.exec_driver_sql(f"BEGIN; {_opening(connection)}")
    except DBAPIError as error:
        if options[_ASKED] and getattr(error.orig, "pgcode", None) in _REFUSED_SETTING:
            raise SettingError(
                "PostgreSQL refuses a setting in the options of DISPATCHER_DATABASE_URL or in "
                f"PGOPTIONS: {first_line(error.orig)}."
            ) from error
        raise


def _bring_opening(
    connection: Connection,
    _cursor: Any,
    statement: str,
    parameters: Any,
    _context: Any,
    _many: bool,
) -> tuple[str, Any]:
    return _opening(connection).replace("%", "%%") + statement, parameters


def _opening(connection: Connection) -> str:
    options = connection.get_execution_options()
    isolation: Isolation = "REPEATABLE READ, READ ONLY" if options.get(_READS) else "READ COMMITTED"
    return opening(isolation, options.get(_ASKED))


def adopt(engine: Engine) -> Engine:
    """The application's engine, for transactions of ours, whatever its isolation level is.

    They share its pool; its other connections are left as they are. Raises OptionError where it is
    none of SQLAlchemy's for PostgreSQL through psycopg2.
    """
    if not isinstance(engine, Engine):
        raise OptionError(
            f"engine is a {type(engine).__name__}: give a SQLAlchemy Engine, as of create_engine()."
        )
    if dialect_of(engine) != DIALECT:
        raise OptionError(f"engine is one of {dialect_of(engine)}: give one of {DIALECT}.")
    if not event.contains(engine, "handle_error", _let_go_of_what_ended):
        _listen_for_errors(engine)
    return engine.execution_options(**{_OURS: True})


def commits_alone(connection: Connection) -> bool:
    """Whether each statement is a transaction of its own, whatever SQLAlchemy began."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.autocommit) and not isinstance(driver, _Session)


def dialect_of(bound: Engine | Connection) -> str:
    """The database and the driver of it, as a URL begins."""
    return f"{bound.dialect.name}+{bound.dialect.driver}"


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction; what the database refuses comes out as one of our errors.

    Raises DatabaseUnavailable where the server cannot be reached, SchemaMismatch where it was not
    migrated.
    """
    with translated(engine), _connect(engine) as connection:
        made_here = _ASKED in connection.get_execution_options()
        if not made_here:
            _leave_autocommit(connection)
        with connection.begin():
            if not made_here:
                connection.exec_driver_sql(_opening(connection))
            yield connection


@contextmanager
def trial(engine: Engine) -> Iterator[Connection]:
    """One transaction that is taken back at its end.

    Raises what `transaction` raises.
    """
    with transaction(engine) as connection:
        yield connection
        begun = connection.get_transaction()
        assert begun is not None
        begun.rollback()


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads, and sees all rows as they were at its beginning.

    Raises what `transaction` raises.
    """
    with transaction(engine.execution_options(**{_READS: True})) as connection:
        yield connection


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Let whatever goes wrong with the database out as one of our errors."""
    try:
        yield
    except (SQLAlchemyError, psycopg2.Error, UnicodeDecodeError) as error:
        ours = as_ours(error, place_of(engine))
        leave_out_rows(error)
        raise ours from error


@contextmanager
def keeping_transactions(engine: Engine) -> Iterator[None]:
    """Tell a pooler that keeps no transaction together from a server that is away.

    PgBouncer ends the connection then without a word. Raises ServiceError.
    """
    try:
        yield
    except DatabaseUnavailable as error:
        if _has_statements_alone(engine):
            raise ServiceError(
                f"{place_of(engine)} is a pooler that ends a connection in which a transaction "
                "begins: set pool_mode = transaction or session for this database."
            ) from error
        raise


def _has_statements_alone(engine: Engine) -> bool:
    """Whether single statements go through, again and again, and transactions do not."""
    return _works(each_alone(engine)) and not _works(engine) and _works(each_alone(engine))


def _works(engine: Engine) -> bool:
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except (SQLAlchemyError, UnicodeDecodeError):
        return False
    return True


def allow_long_statements(connection: Connection) -> None:
    """Lift the limits on a statement for this transaction: preparation moves whole audiences.

    The limit on waiting for a lock is one of them: a producer with the same key waits as long.
    """
    connection.execute(text("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0"))


def wait_shortly(connection: Connection) -> None:
    """Give whoever has locked a row half a second in this transaction: others wait behind it."""
    connection.execute(text("SET LOCAL lock_timeout = '500ms'"))


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


def _leave_autocommit(connection: Connection) -> None:
    """Have transactions on a connection of an application's that has none."""
    driver: Any = connection.connection.driver_connection
    if driver.autocommit:
        connection.execution_options(isolation_level="READ COMMITTED")


def _has_ended(connection: Connection) -> bool:
    """Whether something arrived that nobody asked for: the server's farewell, or its end."""
    driver: Any = connection.connection.driver_connection
    if driver.closed:
        return True
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _listen_for_errors(engine: Engine) -> None:
    event.listen(engine, "handle_error", _let_go_of_what_ended)
    event.listen(engine, "handle_error", _refuse_what_is_no_text)


def _refuse_what_is_no_text(context: ExceptionContext) -> None:
    """Have a caller told what the driver finds in a parameter before it sends it."""
    connection, error = context.connection, context.original_exception
    if connection is None or not connection.get_execution_options().get(_OURS):
        return
    if isinstance(error, ValueError) and not isinstance(error, UnicodeDecodeError):
        raise OptionError(
            "A text that was given holds a NUL (U+0000) or half of a surrogate pair, which "
            "PostgreSQL stores nowhere: give it without."
        )


def _let_go_of_what_ended(context: ExceptionContext) -> None:
    """Let the pool drop a connection that met its end, and all that are as old as it."""
    connection = context.connection
    if connection is not None and connection.get_execution_options().get(_OURS):
        context.is_disconnect |= ends_connection(context.original_exception)
