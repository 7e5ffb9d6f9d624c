"""A prepared audience as chunks, streamed into PostgreSQL by COPY in the caller's transaction."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg2
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from dispatcher.audience.prepared import Prepared
from dispatcher.books.troubles import ends_connection

_COPY = "COPY chunk (campaign_id, sequence, size, members) FROM STDIN (ENCODING 'UTF8')"

_PIECE = 1 << 18
"""Bytes that the driver asks for at a time."""


def copy_chunks(connection: Connection, campaign_id: UUID, prepared: Prepared) -> None:
    """Write the chunks of a campaign, numbered from 1, in the transaction of `connection`.

    The table `chunk` has campaign_id, sequence, size and members (the text of a JSON array); its
    other columns have defaults. Nothing is committed here. Raises SQLAlchemy's DBAPIError, as its
    own statements do; what ends the reading, a KeyboardInterrupt say, goes through as it is.
    """
    driver_connection: Any = connection.connection.driver_connection
    stream = _Stream(_lines(campaign_id, prepared))
    with driver_connection.cursor() as cursor:
        try:
            cursor.copy_expert(_COPY, stream, _PIECE)
        except psycopg2.Error as error:
            # The driver makes an error of its own of whatever the stream raises.
            if stream.failure is not None:
                raise stream.failure from None
            if driver_connection.closed or ends_connection(error):
                connection.invalidate(error)
            raise DBAPIError.instance(_COPY, None, error, psycopg2.Error) from error


def _lines(campaign_id: UUID, prepared: Prepared) -> Iterator[bytes]:
    """COPY's text format: JSON holds no raw tab or newline, so only backslashes are doubled."""
    done = 0
    for sequence, members in enumerate(prepared.packs(), 1):
        array = ",".join(members).replace("\\", "\\\\")
        yield f"{campaign_id}\t{sequence}\t{len(members)}\t[{array}]\n".encode()
        done += len(members)
        prepared.reporter.report("packing", done, prepared.total)


class _Stream:
    """What COPY reads from: one chunk at a time, of whatever length it is asked for."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._rest = b""
        self.failure: BaseException | None = None

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        try:
            return self._read(size)
        except BaseException as error:
            self.failure = error
            raise

    def _read(self, size: int) -> bytes:
        if not self._rest:
            self._rest = next(self._lines, b"")
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece
