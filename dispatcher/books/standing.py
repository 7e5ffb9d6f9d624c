"""The standing list of each app: who gets nothing, as keyed hashes (`audience.hashes`).

The hashes lie in pages, by their upper bits: a seventh of the room of a row for each, and far
faster read as a whole. A list's version grows in the transaction that adds to it. A campaign stores
the version that its audience was prepared against: whatever was committed since is seen by the
claim that compares the two.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg2.sql
from sqlalchemy import Connection, TextClause, text

_BELOW_PAGE = 44
"""Of the sixty bits of a hash: the upper sixteen number its page."""

HAS_GROWN = """
coalesce((SELECT version > campaign.standing_version FROM standing_list
          WHERE standing_list.app_id = campaign.app_id), false)
"""
"""Whether somebody was added to the app's list since the campaign's audience was prepared."""

# The driver takes long to write an array, and no time to write a text.
_GIVEN = "unnest(CAST(string_to_array(:hashes, ',') AS bigint[])) AS hash"
_PAGE = f"(hash >> {_BELOW_PAGE})::integer"
_BY_PAGE = f"SELECT {_PAGE} AS page, array_agg(hash) AS hashes FROM {_GIVEN} GROUP BY 1 ORDER BY 1"

_KEY = text("SELECT key FROM standing_key")
_STATE = text("SELECT version, entries FROM standing_list WHERE app_id = :app_id")
_OPEN = text("INSERT INTO standing_list (app_id) VALUES (:app_id) ON CONFLICT DO NOTHING")
_LOCK = text("SELECT FROM standing_list WHERE app_id = :app_id FOR NO KEY UPDATE")
_ENTRIES = text(f"""
SELECT coalesce(sum(cardinality(standing.hashes)), 0)
FROM (SELECT DISTINCT {_PAGE} AS page FROM {_GIVEN}) AS given
CROSS JOIN LATERAL (SELECT hashes FROM standing
                    WHERE app_id = :app_id AND page = given.page OFFSET 0) AS standing
""")
_ADD = text(f"""
INSERT INTO standing AS there (app_id, page, hashes)
SELECT :app_id, page, hashes FROM ({_BY_PAGE}) AS given
ON CONFLICT (app_id, page) DO UPDATE
SET hashes = there.hashes
    || ARRAY(SELECT unnest(excluded.hashes) EXCEPT SELECT unnest(there.hashes))
WHERE NOT excluded.hashes <@ there.hashes
""")
_REMOVE = text(f"""
UPDATE standing
SET hashes = ARRAY(SELECT unnest(standing.hashes) EXCEPT SELECT unnest(given.hashes))
FROM ({_BY_PAGE}) AS given
WHERE standing.app_id = :app_id AND standing.page = given.page
""")
_DROP_EMPTY = text(f"""
DELETE FROM standing
WHERE app_id = :app_id AND page IN (SELECT {_PAGE} FROM {_GIVEN}) AND hashes = '{{}}'
""")
_CHANGED = text("""
UPDATE standing_list
SET entries = entries + :more, version = version + CASE WHEN :more > 0 THEN 1 ELSE 0 END
WHERE app_id = :app_id
""")
# OFFSET keeps the condition out of the search for the page, which is found by its key.
_LISTED = text(f"""
SELECT hash FROM {_GIVEN}
CROSS JOIN LATERAL (SELECT hashes FROM standing
                    WHERE app_id = :app_id AND page = {_PAGE} OFFSET 0) AS there
WHERE hash = ANY(there.hashes)
""")
_COPY = psycopg2.sql.SQL(r"""
COPY (SELECT array_to_string(hashes, E'\n') FROM standing WHERE app_id = {}) TO STDOUT
""")


class Sink(Protocol):
    """What takes bytes: a file."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True)
class ListState:
    """An app's list: its version, and how many identifiers are on it."""

    version: int
    entries: int


def key(connection: Connection) -> str:
    """The key of the hashes: a secret of these books."""
    found: str = connection.execute(_KEY).scalar_one()
    return found


def state(connection: Connection, app_id: str) -> ListState:
    """The app's list as it stands; of nobody where there is none."""
    row = connection.execute(_STATE, {"app_id": app_id}).one_or_none()
    return ListState(0, 0) if row is None else ListState(*row)


def add(connection: Connection, app_id: str, hashes: Collection[int]) -> int:
    """Put these on the app's list; how many were not on it.

    Whoever claims a chunk after the commit sees them. Who adds or removes waits for others who do,
    and for nobody that sends or prepares.
    """
    connection.execute(_OPEN, {"app_id": app_id})
    return _change(connection, app_id, hashes, [_ADD])


def remove(connection: Connection, app_id: str, hashes: Collection[int]) -> int:
    """Take these off the app's list; how many were on it."""
    return -_change(connection, app_id, hashes, [_REMOVE, _DROP_EMPTY])


def _change(
    connection: Connection, app_id: str, hashes: Collection[int], statements: list[TextClause]
) -> int:
    """Change the list, which nobody else does until the transaction's end; by how many."""
    values = {"app_id": app_id, "hashes": _text(hashes)}
    connection.execute(_LOCK, values)
    before = connection.execute(_ENTRIES, values).scalar_one()
    for statement in statements:
        connection.execute(statement, values)
    more = int(connection.execute(_ENTRIES, values).scalar_one() - before)
    if more:
        connection.execute(_CHANGED, {"app_id": app_id, "more": more})
    return more


def listed(connection: Connection, app_id: str, hashes: Collection[int]) -> frozenset[int]:
    """Those of the hashes that are on the app's list."""
    values = {"app_id": app_id, "hashes": _text(hashes)}
    return frozenset(connection.scalars(_LISTED, values))


def _text(hashes: Collection[int]) -> str:
    return ",".join(map(str, hashes))


def copy(connection: Connection, app_id: str, sink: Sink) -> None:
    """Write the app's hashes to the sink, a line each."""
    driver_connection: Any = connection.connection.driver_connection
    with driver_connection.cursor() as cursor:
        cursor.copy_expert(_COPY.format(psycopg2.sql.Literal(app_id)), _Lines(sink))


@dataclass(frozen=True, slots=True)
class _Lines:
    """COPY's rows as they were before it escaped the ends of their lines."""

    sink: Sink

    def write(self, data: bytes) -> None:
        self.sink.write(data.replace(rb"\n", b"\n"))
