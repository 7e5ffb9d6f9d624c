"""COPY, to and from the server, in the caller's transaction."""

from collections.abc import Callable
from typing import Any

import psycopg2
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from dispatcher.books.troubles import ends_connection

_PIECE = 1 << 18
"""Bytes that the driver asks for at a time."""


def copy_in(connection: Connection, statement: str, read: Callable[[int], bytes]) -> None:
    """Send what `read` gives, at most so many bytes each time, until it gives none."""
    _copy(connection, statement, _Stream(read))


def copy_out(
    connection: Connection, statement: str, values: dict[str, object], write: Callable[[bytes], Any]
) -> None:
    """Give each row that the server sends to `write`, as a line in COPY's text format."""
    driver_connection: Any = connection.connection.driver_connection
    with driver_connection.cursor() as cursor:
        statement = cursor.mogrify(statement, values).decode()
    _copy(connection, statement, _Stream(write))


class _Stream:
    """What COPY reads from, or writes to; keeps what that raises: the driver hides it."""

    def __init__(self, act: Callable[[Any], Any]) -> None:
        self._act = act
        self.failure: BaseException | None = None

    def read(self, given: Any) -> Any:
        """The next bytes, at most so many; or, as `write`, take these."""
        try:
            return self._act(given)
        except BaseException as error:
            self.failure = error
            raise

    write = read


def _copy(connection: Connection, statement: str, stream: _Stream) -> None:
    """Raises DBAPIError, as SQLAlchemy's own statements do; what a stream raises goes through."""
    driver_connection: Any = connection.connection.driver_connection
    with driver_connection.cursor() as cursor:
        try:
            cursor.copy_expert(statement, stream, _PIECE)
        except psycopg2.Error as error:
            if stream.failure is not None:
                raise stream.failure from None
            if driver_connection.closed or ends_connection(error):
                connection.invalidate(error)
            raise DBAPIError.instance(statement, None, error, psycopg2.Error) from error
