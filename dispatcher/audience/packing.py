"""A prepared audience as chunks, streamed into PostgreSQL by COPY in the caller's transaction."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from dispatcher.audience.prepared import Prepared
from dispatcher.books.copying import BEGIN, BIGINT, BOOLEAN, END, INTEGER, NULL, SMALLINT, copy_in
from dispatcher.schedule import Due, zone_names

_COPY = (
    "COPY chunk (campaign_id, sequence, size, variant, canary, {zoned}members)"
    " FROM STDIN (FORMAT binary, ENCODING 'UTF8')"
)
_ZONED = "zone, due_at, closes_at, "

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Where PostgreSQL's binary times begin; they are in microseconds."""


def copy_chunks(
    connection: Connection,
    campaign_id: UUID,
    prepared: Prepared,
    dues: Mapping[str, Due] | None = None,
) -> None:
    """Write the chunks of a campaign, numbered from 1, in the transaction of `connection`.

    `dues` says when the members of each zone are due, by its name in lower case; else all are due
    now.

    The table `chunk` has campaign_id, sequence, size, variant, canary, zone, due_at, closes_at and
    members (the text of a JSON array); its other columns have defaults. Nothing is committed here.
    Raises SQLAlchemy's DBAPIError, as its own statements do; what ends the reading, a
    KeyboardInterrupt say, goes through as it is.
    """
    copy = _COPY.format(zoned=_ZONED if dues else "")
    copy_in(connection, copy, _Pieces(_rows(campaign_id, prepared, dues or {})).read)


def _rows(campaign_id: UUID, prepared: Prepared, dues: Mapping[str, Due]) -> Iterator[bytes]:
    """COPY's rows: the server neither looks for ends of lines nor takes escapes away."""
    yield BEGIN
    done = 0
    for sequence, (members, size, variant, zone, canary) in enumerate(prepared.packs(), 1):
        cells = [
            campaign_id.bytes,
            INTEGER.pack(sequence),
            INTEGER.pack(size),
            None if variant is None else SMALLINT.pack(variant),
            BOOLEAN.pack(canary),
            *(_zoned(zone, dues[zone]) if dues and zone is not None else ()),
            members,
        ]
        yield SMALLINT.pack(len(cells)) + b"".join(map(_cell, cells))
        done += size
        prepared.reporter.report("packing", done, prepared.total)
    yield END


def _cell(value: bytes | None) -> bytes:
    return NULL if value is None else INTEGER.pack(len(value)) + value


def _zoned(zone: str, due: Due) -> Iterator[bytes | None]:
    yield zone_names()[zone].encode()
    yield _moment(due.at)
    yield None if due.closes_at is None else _moment(due.closes_at)


def _moment(at: datetime) -> bytes:
    return BIGINT.pack((at - _EPOCH) // timedelta(microseconds=1))


class _Pieces:
    """What COPY reads from: one chunk at a time, of whatever length it is asked for."""

    def __init__(self, rows: Iterator[bytes]) -> None:
        self._rows = rows
        self._rest = b""

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        if not self._rest:
            self._rest = next(self._rows, b"")
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece
