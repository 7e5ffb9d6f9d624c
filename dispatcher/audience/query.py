"""An audience from a database: the rows of a query, streamed through whatever driver there is."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, CursorResult, Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from dispatcher.errors import AudienceError, DatabaseUnavailable, OptionError
from dispatcher.forks import not_while_forking
from dispatcher.redaction import redact, remember, secrets_in
from dispatcher.servers import split_url

_ROWS_AT_ONCE = 1000
_SECONDS_TO_CONNECT = 10

_USUAL_DRIVERS = {"postgresql": "postgresql+psycopg2", "postgres": "postgresql+psycopg2"}
"""Where a URL names none: the one that is installed with this program."""

_PACKAGES = {
    "MySQLdb": "mysqlclient",
    "psycopg": "psycopg[binary]",
    "clickhouse": "clickhouse-sqlalchemy",
    "clickhousedb": "clickhouse-connect",
    "snowflake": "snowflake-sqlalchemy",
    "bigquery": "sqlalchemy-bigquery",
    "redshift": "sqlalchemy-redshift",
    "databricks": "databricks-sqlalchemy",
    "trino": "trino[sqlalchemy]",
    "duckdb": "duckdb-engine",
    "hive": "pyhive[hive]",
    "athena": "pyathena[sqlalchemy]",
    "awsathena": "pyathena[sqlalchemy]",
}
"""What to install for a module or a dialect that is called otherwise."""

_SECONDS_OPTION = {"psycopg2": "connect_timeout", "pymysql": "connect_timeout"}


@dataclass(frozen=True, slots=True)
class Query:
    """A query, and the URL of the database that it is for, which no output shows."""

    text: str
    url: str = field(repr=False)


def query(text: str, url: str | None) -> Query:
    """The query of an audience; OptionError where it, or the database's URL, is missing."""
    if not text.strip():
        raise OptionError("The audience's query is empty: give a SELECT.")
    if not url:
        raise OptionError(
            "The audience's query has no database: name it with --audience-db (audience_db) or "
            "DISPATCHER_AUDIENCE_URL, as in postgresql://user@host/name."
        )
    remember(*secrets_in(url))
    return Query(re.sub(r"[;\s]+\Z", "", text), url)


def rows_of(asked: Query) -> Iterator[Mapping[str, object]]:
    """The rows of the query, in its order, never many at a time; nothing of it is committed.

    Raises OptionError for the URL, AudienceError where the database refuses the query, and
    DatabaseUnavailable where it cannot be reached or is lost.
    """
    with _engine(asked) as engine:
        with _troubles(engine, "cannot be reached"):
            connection = engine.connect()
        with connection:
            with _troubles(engine, "was lost"):
                result = _execute(connection, asked.text)
                names = _names(result)
            partitions = result.partitions(_ROWS_AT_ONCE)
            while True:
                with _troubles(engine, "was lost"):
                    rows = next(partitions, None)
                if rows is None:
                    return
                for row in rows:
                    yield dict(zip(names, row, strict=True))


def _execute(connection: Connection, text: str) -> CursorResult[Any]:
    options: dict[str, Any] = {
        "stream_results": True,
        "max_row_buffer": _ROWS_AT_ONCE,
        "no_parameters": True,  # a % stands for itself
    }
    if connection.dialect.name == "postgresql":
        options["postgresql_readonly"] = True
    return connection.execution_options(**options).exec_driver_sql(text)


def _names(result: CursorResult[Any]) -> list[str]:
    if not result.returns_rows:
        raise AudienceError("The audience query gives no rows: give a SELECT.")
    names = list(result.keys())
    for name, count in Counter(names).items():
        if count > 1:
            raise AudienceError(
                f"The audience query has the column {name!r} twice: name each by AS, or keep one."
            )
    return names


@contextmanager
def _engine(asked: Query) -> Iterator[Engine]:
    url = _url(asked.url)
    try:
        with not_while_forking():  # it imports the driver
            engine = create_engine(
                url, poolclass=NullPool, hide_parameters=True, connect_args=_limits(url)
            )
    except NoSuchModuleError as error:
        raise _not_installed(url.get_backend_name(), url) from error
    except ModuleNotFoundError as error:
        raise _not_installed(error.name or url.drivername, url) from error
    except (ArgumentError, TypeError, ValueError) as error:
        raise OptionError(f"The audience's database cannot be used: {_said(error)}.") from error
    if engine.dialect.is_async:
        raise OptionError(
            f"The audience's database is named with {url.drivername}, an asynchronous driver: name "
            "another, as in postgresql+psycopg2://."
        )
    try:
        yield engine
    finally:
        engine.dispose()


def _url(text: str) -> URL:
    try:
        url = make_url(_with_login_encoded(text))
    except (ArgumentError, ValueError):
        # The cause would quote what stands where a port should, and that may be of a password.
        raise OptionError(
            "The audience's database is named by no URL: write it as "
            "postgresql://user:password@host:port/name, with %xx for special characters of a "
            "password."
        ) from None
    drivername = _USUAL_DRIVERS.get(url.drivername, url.drivername)
    if drivername == "mysql" and not find_spec("MySQLdb") and find_spec("pymysql"):
        drivername = "mysql+pymysql"
    url = url.set(drivername=drivername)
    if url.get_backend_name() == "sqlite" and url.database and not _is_there(url.database):
        raise AudienceError(f"The audience's database {url.database} does not exist.")
    return url


def _with_login_encoded(text: str) -> str:
    """The URL as SQLAlchemy reads it; ValueError where an @ may be of the password."""
    if "://" not in text or ":///" in text:  # the path of a file
        return text
    scheme, login, servers, rest = split_url(text)
    return f"{scheme}{login}{'@' if login else ''}{servers}{rest}"


def _is_there(database: str) -> bool:
    """Whether SQLite would read a database, and not make one."""
    return database == ":memory:" or database.startswith("file:") or Path(database).exists()


def _limits(url: URL) -> dict[str, Any]:
    option = _SECONDS_OPTION.get(url.drivername.partition("+")[2])
    return {} if option is None or option in url.query else {option: _SECONDS_TO_CONNECT}


def _not_installed(module: str, url: URL) -> OptionError:
    name = module.partition(".")[0]
    package = _PACKAGES.get(name, name)
    return OptionError(
        f"The audience's database ({url.drivername}://) needs a driver that is not installed: "
        f"pip install '{package}'."
    )


@contextmanager
def _troubles(engine: Engine, lost: str) -> Iterator[None]:
    """The driver's errors as ours; `lost` is what became of the database if it is to blame."""
    try:
        yield
    except DBAPIError as error:
        if lost == "cannot be reached" or error.connection_invalidated:
            raise DatabaseUnavailable(
                f"The audience's database {_place(engine.url)} {lost}: {_said(error.orig)}."
            ) from error
        raise AudienceError(f"The audience query is refused: {_said(error.orig)}.") from error
    except SQLAlchemyError as error:
        raise AudienceError(f"The audience query cannot be read: {_said(error)}.") from error


def _place(url: URL) -> str:
    port = f":{url.port}" if url.port else ""
    return f"{url.host}{port}/{url.database or ''}" if url.host else str(url.database or "")


def _said(error: BaseException | None) -> str:
    """What a driver says, in a line, without a full stop and without a secret."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return redact(lines[0]).rstrip(". ")
