"""COPY, to and from the server, in the caller's transaction; and its binary format."""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

import psycopg2
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from dispatcher.books.troubles import ends_connection

SMALLINT, INTEGER, BIGINT, BOOLEAN = (Struct(f"!{form}") for form in "hiq?")
BEGIN = b"PGCOPY\n\xff\r\n\0" + INTEGER.pack(0) + INTEGER.pack(0)
"""Before the rows. A row is the number of its cells, and each cell's length and bytes."""
END = SMALLINT.pack(-1)
NULL = INTEGER.pack(-1)

_INTERRUPTED = "error in .read() call: KeyboardInterrupt"
"""How the driver tells of Ctrl-C that came right when it called, before anything could be kept."""
_PIECE = 1 << 18
"""Bytes that the driver asks for at a time."""


def copy_in(connection: Connection, statement: str, read: Callable[[int], bytes]) -> None:
    """Send what `read` gives, at most so many bytes each time, until it gives none."""
    _copy(connection, statement, _Stream(read))


def copy_out(
    connection: Connection,
    statement: str,
    values: dict[str, object],
    take: Callable[[Sequence[memoryview]], object],
) -> None:
    """Give each row of a binary COPY to `take`, as its cells' bytes; none of them is NULL."""
    driver_connection: Any = connection.connection.driver_connection
    with driver_connection.cursor() as cursor:
        statement = cursor.mogrify(statement, values).decode()

    def taken(row: bytes) -> None:
        if cells := _cells(row):
            take(cells)

    _copy(connection, statement, _Stream(taken))


def _cells(row: bytes) -> list[memoryview]:
    """The cells of a row, or none where it is the end; the first row stands behind what begins."""
    place = len(BEGIN) if row.startswith(BEGIN) else 0
    (count,) = SMALLINT.unpack_from(row, place)
    place += SMALLINT.size
    cells = []
    for _ in range(count):
        (size,) = INTEGER.unpack_from(row, place)
        place += INTEGER.size
        cells.append(memoryview(row)[place : place + size])
        place += size
    return cells


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
            if _INTERRUPTED in str(error):
                raise KeyboardInterrupt from None
            if driver_connection.closed or ends_connection(error):
                connection.invalidate(error)
            raise DBAPIError.instance(statement, None, error, psycopg2.Error) from error
