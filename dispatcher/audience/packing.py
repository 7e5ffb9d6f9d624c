"""A prepared audience as chunks, streamed into PostgreSQL by COPY in the caller's transaction."""

from collections.abc import Iterator, Mapping
from uuid import UUID

from sqlalchemy import Connection

from dispatcher.audience.prepared import Prepared
from dispatcher.books.copying import copy_in
from dispatcher.schedule import Due, zone_names

_COPY = (
    "COPY chunk (campaign_id, sequence, size, variant, canary, {zoned}members)"
    " FROM STDIN (ENCODING 'UTF8')"
)
_ZONED = "zone, due_at, closes_at, "


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
    copy_in(connection, copy, _Pieces(_lines(campaign_id, prepared, dues or {})).read)


def _lines(campaign_id: UUID, prepared: Prepared, dues: Mapping[str, Due]) -> Iterator[bytes]:
    """COPY's text format: JSON holds no raw tab or newline, so only backslashes are doubled."""
    done = 0
    for sequence, (members, variant, zone, canary) in enumerate(prepared.packs(), 1):
        array = ",".join(members).replace("\\", "\\\\")
        number = "\\N" if variant is None else variant
        zoned = _zoned(zone, dues[zone]) if dues and zone is not None else ""
        place = f"{campaign_id}\t{sequence}\t{len(members)}\t{number}\t{canary:d}"
        yield f"{place}\t{zoned}[{array}]\n".encode()
        done += len(members)
        prepared.reporter.report("packing", done, prepared.total)


def _zoned(zone: str, due: Due) -> str:
    closes_at = "\\N" if due.closes_at is None else due.closes_at.isoformat()
    return f"{zone_names()[zone]}\t{due.at.isoformat()}\t{closes_at}\t"


class _Pieces:
    """What COPY reads from: one chunk at a time, of whatever length it is asked for."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._rest = b""

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end."""
        if not self._rest:
            self._rest = next(self._lines, b"")
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece
