"""The standing list of each app: who gets nothing, as keyed hashes (`audience.hashes`).

The hashes lie in pages, by their upper bits: a seventh of the room of a row for each, and far
faster read as a whole. Whatever is added to any list makes one number for all of them grow, under a
lock that is taken last: the greater number was committed later. A campaign stores it as it was when
its audience was prepared, and each claim compares: where it has grown, and the app's list with it,
the chunk is `unscreened` until the worker has looked its members up, which it commits before a byte
is sent. So a chunk that its worker left unscreened was not sent, whatever else is in doubt.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import Connection, TextClause, text

from dispatcher.books import acts
from dispatcher.books.copying import copy_out

_BELOW_PAGE = 44
"""Of the sixty bits of a hash: the upper sixteen number its page."""

HAS_GROWN = """
((SELECT version FROM standing_key) > campaign.standing_version
 AND EXISTS (SELECT FROM standing_list
             WHERE app_id = campaign.app_id AND version > campaign.standing_version))
"""
"""Whether somebody was put on the app's list since the campaign's audience was prepared.

The version of all lists is read once a statement; mostly it has not grown, and that is all.
"""

# The driver takes long to write an array, and no time to write a text.
_GIVEN = "unnest(CAST(string_to_array(:hashes, ',') AS bigint[])) AS hash"
_PAGE = f"(hash >> {_BELOW_PAGE})::integer"
_BY_PAGE = f"SELECT {_PAGE} AS page, array_agg(hash) AS hashes FROM {_GIVEN} GROUP BY 1 ORDER BY 1"

_KEY = text("SELECT key FROM standing_key")
_STATE = text("""
SELECT standing_key.version, coalesce(entries, 0), coalesce(standing_list.version, 0)
FROM standing_key LEFT JOIN standing_list ON app_id = :app_id
""")
_COUNT = text("SELECT coalesce(max(entries), 0) FROM standing_list WHERE app_id = :app_id")
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
_GROW = text("""
WITH grown AS (UPDATE standing_key SET version = version + 1 RETURNING version)
UPDATE standing_list SET entries = entries + :more, version = grown.version
FROM grown WHERE app_id = :app_id
""")
_SHRINK = text("UPDATE standing_list SET entries = entries + :more WHERE app_id = :app_id")
# OFFSET keeps the condition out of the search for the page, which is found by its key.
_LISTED = text(f"""
SELECT hash FROM {_GIVEN}
CROSS JOIN LATERAL (SELECT hashes FROM standing
                    WHERE app_id = :app_id AND page = {_PAGE} OFFSET 0) AS there
WHERE hash = ANY(there.hashes)
""")
# Many pages a row, as the driver calls us for each; found by the index, they need not be sorted.
_COPY = """
COPY (SELECT hashes FROM generate_series(0, 15) AS part
      CROSS JOIN LATERAL (
        SELECT string_agg(packed, '') AS hashes FROM standing
        WHERE app_id = %(app_id)s AND page BETWEEN part << 12 AND (part << 12) + 4095) AS there
      WHERE hashes IS NOT NULL)
TO STDOUT (FORMAT binary)
"""


@dataclass(frozen=True, slots=True)
class ListState:
    """An app's list at this version of all lists: so many entries, the last of them at `grown`."""

    version: int
    entries: int
    grown: int


_APPS = text("SELECT app_id FROM campaign UNION SELECT app_id FROM standing_list ORDER BY app_id")


def apps(connection: Connection) -> tuple[str, ...]:
    """Every app that has a campaign or a list, by its id."""
    return tuple(connection.scalars(_APPS))


def key(connection: Connection) -> str:
    """The key of the hashes: a secret of these books."""
    found: str = connection.execute(_KEY).scalar_one()
    return found


def state(connection: Connection, app_id: str) -> ListState:
    """The app's list as it stands."""
    return ListState(*connection.execute(_STATE, {"app_id": app_id}).one())


def count(connection: Connection, app_id: str) -> int:
    """How many identifiers are on the app's list."""
    return int(connection.execute(_COUNT, {"app_id": app_id}).scalar_one())


def add(
    connection: Connection, app_id: str, hashes: Collection[int], verb: str = "suppress add"
) -> int:
    """Put these on the app's list; how many were not on it.

    Whoever claims a chunk after the commit sees them. Who adds or removes waits for others who do,
    and for nobody that sends or prepares. `verb` is why they are added, as the act has it.
    """
    connection.execute(_OPEN, {"app_id": app_id})
    added = _change(connection, app_id, hashes, [_ADD])
    if added:
        acts.write(connection, verb, app_id=app_id, after={"added": added})
    return added


def remove(connection: Connection, app_id: str, hashes: Collection[int]) -> int:
    """Take these off the app's list; how many were on it."""
    removed = -_change(connection, app_id, hashes, [_REMOVE, _DROP_EMPTY])
    if removed:
        acts.write(connection, "suppress remove", app_id=app_id, after={"removed": removed})
    return removed


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
        connection.execute(_GROW if more > 0 else _SHRINK, {"app_id": app_id, "more": more})
    return more


def listed(connection: Connection, app_id: str, hashes: Collection[int]) -> frozenset[int]:
    """Those of the hashes that are on the app's list."""
    values = {"app_id": app_id, "hashes": _text(hashes)}
    return frozenset(connection.scalars(_LISTED, values))


def _text(hashes: Collection[int]) -> str:
    return ",".join(map(str, hashes))


def copy(connection: Connection, app_id: str, take: Callable[[memoryview], object]) -> None:
    """Give the app's hashes to `take`, many at a time: eight bytes each, the highest first."""
    copy_out(connection, _COPY, {"app_id": app_id}, lambda cells: take(cells[0]))
