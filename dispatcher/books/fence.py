"""The fence: what the books say of themselves, and why nothing may be sent from them, if so."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from dispatcher.books import acts
from dispatcher.epochs import Mark, Standing
from dispatcher.errors import ImpossibleInState

# `CREATE DATABASE`, `pg_restore` and `initdb` give other numbers; what a server does by itself
# does not.
_PLACE = """
(SELECT CAST(system_identifier AS text) FROM pg_control_system())
|| '/' || (SELECT CAST(oid AS text) FROM pg_database WHERE datname = current_database())
|| '/' || CAST(CAST('fence' AS regclass) AS oid)
"""
_TIMELINE = """
CAST(CAST('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS bit(32)) AS integer)
"""
_COLUMNS = f"""
CAST(books AS text) AS books, epoch, CAST(epoch_id AS text) AS epoch_id, beat, beat_at,
{_TIMELINE} AS timeline, place AS noted_place, {_PLACE} AS place, raised_at, reason
"""
_HAVE = text("""
INSERT INTO fence (one) SELECT true WHERE NOT EXISTS (SELECT FROM fence) ON CONFLICT DO NOTHING
""")
# Nobody waits for whoever is at it, as a first campaign is until it is committed.
_BEGIN = text(f"""
UPDATE fence
SET books = gen_random_uuid(), epoch_id = gen_random_uuid(), beat_at = clock_timestamp(),
    place = {_PLACE}
WHERE one IN (SELECT one FROM fence WHERE place IS NULL FOR UPDATE SKIP LOCKED)
""")
_READ = text(f"SELECT {_COLUMNS} FROM fence")
_DURABLY = text("SELECT set_config('synchronous_commit', 'on', true)")
_BEAT = text(f"""
UPDATE fence SET beat = beat + 1, beat_at = clock_timestamp()
WHERE one IN (SELECT one FROM fence WHERE raised_at IS NULL FOR UPDATE SKIP LOCKED)
RETURNING {_COLUMNS}
""")
_IS_RAISED = text("SELECT raised_at IS NOT NULL FROM fence FOR UPDATE")
_RAISE = text("""
UPDATE fence
SET raised_at = coalesce(raised_at, clock_timestamp()), reason = coalesce(reason, :reason),
    epoch_seen = greatest(epoch_seen, :epoch)
WHERE epoch_id = :epoch_id AND (raised_at IS NULL OR epoch_seen < :epoch)
""")
_ACCEPT = text(f"""
UPDATE fence
SET books = CASE WHEN place = {_PLACE} THEN books ELSE gen_random_uuid() END,
    epoch = greatest(epoch, epoch_seen) + 1, epoch_id = gen_random_uuid(), beat = beat + 1,
    beat_at = clock_timestamp(), place = {_PLACE}, raised_at = NULL, reason = NULL
WHERE raised_at IS NOT NULL RETURNING {_COLUMNS}
""")
_UNSENT = text("""
SELECT CAST(campaign.id AS text), campaign_tag, campaign.state, sum(size - withheld) AS members
FROM campaign JOIN chunk ON campaign_id = campaign.id
WHERE finished_at IS NULL AND campaign.state IN ('scheduled', 'running', 'paused')
  AND chunk.state IN ('pending', 'sending')
GROUP BY campaign.id HAVING sum(size - withheld) > 0
ORDER BY created_at
""")
NOTHING_TO_ACCEPT = "There is nothing to accept: the books have gone on from where they were."


@dataclass(frozen=True, slots=True)
class Fence:
    """What the books say of themselves; since when nothing is sent from them, and why, if so."""

    standing: Standing
    raised_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Unsent:
    """A campaign that would go on, and how many of its members these books call unsent."""

    id: str
    campaign_tag: str | None
    state: str
    members: int


def begin(connection: Connection) -> None:
    """Let the books have an epoch from their first campaign or worker on; done where they do.

    Before that a copy of them, as a template makes one, is as good as they are. They have none
    afterwards where somebody else is at it, who has yet to commit.
    """
    connection.execute(_HAVE)
    connection.execute(_BEGIN)


def read(connection: Connection) -> Fence | None:
    """The fence; None of books that have no epoch yet."""
    row = connection.execute(_READ).one_or_none()
    return None if row is None or row.noted_place is None else _fence(row)


def beat(connection: Connection) -> Fence | None:
    """Note that they have gone on, so that a crash does not lose it.

    None where it is raised, or somebody else is at it: the next beat comes in a second.
    """
    connection.execute(_DURABLY)
    row = connection.execute(_BEAT).one_or_none()
    return None if row is None else _fence(row)


def raise_(connection: Connection, reason: str, epoch_id: str, epoch: int = 0) -> bool:
    """Let nothing be sent any more, for this reason; whether that is new.

    Nothing where another epoch than `epoch_id` has begun meanwhile. `epoch` is the latest that was
    noted outside of the books: the next is a later one.
    """
    was_raised = connection.scalar(_IS_RAISED)
    values = {"reason": reason, "epoch_id": epoch_id, "epoch": epoch}
    is_new = bool(connection.execute(_RAISE, values).rowcount) and not was_raised
    if is_new:
        acts.write(connection, "fence", after={"reason": reason}, by=acts.ITSELF)
    return is_new


def accept(connection: Connection) -> Mark:
    """Begin a new epoch with the books as they are. Raises ImpossibleInState where none is due.

    In another place they are books of their own from then on: the original goes on by itself.
    """
    before = read(connection)
    row = connection.execute(_ACCEPT).one_or_none()
    if row is None or before is None:
        raise ImpossibleInState(NOTHING_TO_ACCEPT)
    mark = _fence(row).standing.mark
    acts.write(
        connection,
        "fence accept",
        before={"epoch": before.standing.mark.epoch, "reason": before.reason},
        after={"epoch": mark.epoch},
    )
    return mark


def unsent(connection: Connection) -> tuple[Unsent, ...]:
    """What would be sent from these books, the oldest campaign first."""
    return tuple(Unsent(*row) for row in connection.execute(_UNSENT))


def _fence(row: Row[Any]) -> Fence:
    mark = Mark(row.books, row.epoch, row.epoch_id, row.beat, row.beat_at, row.timeline)
    return Fence(Standing(mark, row.noted_place, row.place), row.raised_at, row.reason)
