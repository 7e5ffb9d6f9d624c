"""What the database's errors mean: for the connection, for another try, and for a person."""

import re

import psycopg2
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dispatcher.errors import (
    CallerError,
    DatabaseUnavailable,
    DispatcherError,
    SchemaMismatch,
    ServiceError,
)

_READ_ONLY = "25006"
_NO_RIGHT = "42501"
_OTHER_SCHEMA = frozenset({"42P01", "42703", "42883", "3F000"})
_IS_WHOLE = "campaign_is_whole"
_ENDING = frozenset({_READ_ONLY, "25P03", "25P04", "57P01", "57P02", "57P03", "57P04", "57P05"})
"""A server that only reads, or ends the session: the next connection may find another one."""
_CONNECTION_CLASS = "08"
_OF_THE_SERVER = ("25", "53", "57P")
"""Classes of what is wrong with the server or the transaction, and not with its rows."""
_ABOUT_STATEMENTS = (
    psycopg2.ProgrammingError,
    psycopg2.DataError,
    psycopg2.IntegrityError,
    psycopg2.NotSupportedError,
)

_ABOUT_TLS = re.compile(r"certificate|SSL|ssl(mode|rootcert|cert|key)")


def ends_connection(error: BaseException) -> bool:
    """Whether a connection on which the driver raised this must not be used again.

    What the driver says without a code of the server's is about the connection, unless it is about
    the statement by its kind.
    """
    if not isinstance(error, psycopg2.Error):
        return False
    if error.pgcode is not None:
        return error.pgcode in _ENDING or error.pgcode.startswith(_CONNECTION_CLASS)
    return not isinstance(error, _ABOUT_STATEMENTS)


def is_transient(error: Exception) -> bool:
    """Whether the same statement may succeed later: the server was away or busy."""
    return isinstance(error, DatabaseUnavailable)


def concerns_its_rows(error: BaseException) -> bool:
    """Whether the server refused a statement for what it touches: one for others may go through.

    So does what is no trouble of the database's at all.
    """
    driver = _driver(error)
    if not isinstance(driver, psycopg2.Error):
        return isinstance(error, CallerError) or not isinstance(
            error, DispatcherError | SQLAlchemyError
        )
    code = driver.pgcode or ""
    return code != "" and not ends_connection(driver) and not code.startswith(_OF_THE_SERVER)


def sqlstate(error: BaseException) -> str | None:
    """The server's code of what it refused."""
    driver = _driver(error)
    return driver.pgcode if isinstance(driver, psycopg2.Error) else None


def words_of(error: BaseException) -> str:
    """What an error says of the rows of one campaign, for a log: the server's own first line."""
    driver = _driver(error)
    return first_line(driver) if isinstance(driver, psycopg2.Error) else str(error)


def _driver(error: BaseException) -> BaseException | None:
    """What the driver raised below an error of ours or of SQLAlchemy's."""
    inner = error.__cause__ if isinstance(error, DispatcherError) else error
    return inner.orig if isinstance(inner, DBAPIError) else inner


def as_ours(
    error: SQLAlchemyError | psycopg2.Error | UnicodeDecodeError, place: str
) -> DispatcherError:
    """The error of ours that tells a person what the database at `place` said, in a sentence.

    Of the server's words only the first line is told: the details quote the row, and a chunk's row
    begins with its members.
    """
    if isinstance(error, UnicodeDecodeError):
        return DatabaseUnavailable(
            f"PostgreSQL at {place} cannot be used: what it says is not UTF-8. Its log has the "
            "words; with lc_messages = C they can be read here."
        )
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable(
            f"PostgreSQL at {place} cannot be used: all of this process's connections are busy. "
            "Is the server slow?"
        )
    driver = error.orig if isinstance(error, DBAPIError) else error
    code, said = getattr(driver, "pgcode", None), first_line(driver)
    if code == _READ_ONLY:
        return DatabaseUnavailable(read_only(place))
    if isinstance(driver, psycopg2.OperationalError) or (driver and ends_connection(driver)):
        remedy = (
            "Are sslmode and sslrootcert in DISPATCHER_DATABASE_URL right, and is it this host?"
            if _ABOUT_TLS.search(said)
            else "Is the server running, and is DISPATCHER_DATABASE_URL right?"
        )
        return DatabaseUnavailable(f"PostgreSQL at {place} cannot be used: {said}. {remedy}")
    if code in _OTHER_SCHEMA:
        return SchemaMismatch(
            f"The database {place} does not hold this version's tables: run `dispatcher migrate`; "
            "where several versions are in use, the newest one's."
        )
    if code == _NO_RIGHT:
        return ServiceError(
            f"PostgreSQL at {place} refuses the role of DISPATCHER_DATABASE_URL: {said}. "
            "Grant it the role that may do this: dispatcher_producer, dispatcher_worker or "
            "dispatcher_reader, which `dispatcher migrate --roles` makes."
        )
    if isinstance(driver, psycopg2.Error) and driver.diag.constraint_name == _IS_WHOLE:
        return ServiceError(
            f"PostgreSQL at {place} refused the commit: {said}. Nothing was committed; does "
            "another process use the same connection?"
        )
    return ServiceError(
        f"PostgreSQL at {place} refused a statement of this program: {said} "
        f"(SQLSTATE {code or 'none'}). It would do so again; nothing was changed."
    )


def leave_out_rows(error: BaseException) -> None:
    """Leave of what the server said its first line only, in an error that a traceback may show.

    Its details and its context quote rows, and those of an audience name members.
    """
    for told in (error, error.orig if isinstance(error, DBAPIError) else None):
        if isinstance(told, DBAPIError | psycopg2.Error):
            told.args = (first_line(told),)
        if isinstance(told, StatementError):
            told.hide_parameters = True


def read_only(place: str) -> str:
    """What is said of a server that takes no writes."""
    return (
        f"PostgreSQL at {place} only reads: it is a standby, or default_transaction_read_only is "
        "set. Let DISPATCHER_DATABASE_URL lead to the server that writes; with several hosts in "
        "it, add target_session_attrs=read-write."
    )


def first_line(error: BaseException | None) -> str:
    """The first line of what an error says."""
    lines = str(error or "").strip().splitlines()
    return lines[0].rstrip(".") if lines else "no reason given"
