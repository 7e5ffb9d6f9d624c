"""Chunks under the relay: marked as published, and what time alone changes."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from dispatcher.books import holding
from dispatcher.books.transitions.summing import STEP, lock, roll_up
from dispatcher.lifecycle import MOST_LOST_LEASES

_BATCH = 1000


# A limit that the planner can read, and an array of keys, keep it from reading the whole campaign:
# of one that was just committed it knows nothing, and expects a single chunk.
def _publish(which: str, order: str, if_campaign: str = "state = 'running'") -> TextClause:
    return text(f"""
    WITH due AS (
        SELECT sequence, row_number() OVER (ORDER BY {order}) AS place
        FROM (SELECT sequence, in_doubt_since, due_at FROM chunk
              WHERE campaign_id = :campaign_id AND state = 'pending' AND published_at IS NULL
                AND {which} AND due_at <= statement_timestamp()
                AND (SELECT {if_campaign} FROM campaign WHERE id = :campaign_id)
              ORDER BY {order} LIMIT :count FOR NO KEY UPDATE SKIP LOCKED) AS locked
    ), marked AS (
        UPDATE chunk SET published_at = clock_timestamp()
        WHERE campaign_id = :campaign_id AND sequence = ANY(ARRAY(SELECT sequence FROM due))
    )
    SELECT sequence FROM due ORDER BY place
    """)


_PUBLISH_DOUBTFUL = _publish("in_doubt_since IS NOT NULL", "in_doubt_since")
_PUBLISH_FRESH = _publish(
    f"in_doubt_since IS NULL AND {holding.IN_ITS_ZONE_S_WINDOW}",
    "due_at, sequence",
    f"state = 'running' AND {holding.REST_MAY_BEGIN}",
)
_PUBLISH_CANARY = _publish(
    f"in_doubt_since IS NULL AND {holding.IN_ITS_ZONE_S_WINDOW} AND canary", "due_at, sequence"
)


def mark_published(
    connection: Connection,
    campaign_id: UUID,
    *,
    count: int,
    fresh: int,
    only_canary: bool = False,
) -> list[int]:
    """Mark up to `count` due chunks, of which `fresh` may be clean ones; their sequences.

    Those in doubt come first, the oldest window before all; then the clean ones, in the order of
    the audience, or of its canary alone. None of a campaign that does not run.
    """
    values = {"campaign_id": campaign_id, "count": count}
    doubtful = list(connection.scalars(_PUBLISH_DOUBTFUL, values))
    values["count"] = min(fresh, count - len(doubtful))
    clean = _PUBLISH_CANARY if only_canary else _PUBLISH_FRESH
    return doubtful + list(connection.scalars(clean, values))


_UNMARK_UNCLAIMED = text("""
WITH unclaimed AS (
    SELECT campaign_id, sequence FROM chunk
    WHERE published_at < statement_timestamp() - :after AND state = 'pending'
      AND (:everywhere OR campaign_id = ANY(CAST(:campaign_ids AS uuid[])))
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE chunk SET published_at = NULL
FROM unclaimed
WHERE chunk.campaign_id = unclaimed.campaign_id AND chunk.sequence = unclaimed.sequence
""")


def unmark_unclaimed(
    connection: Connection, after: timedelta, campaign_ids: Sequence[UUID] | None = None
) -> int:
    """Make due again what was published `after` ago and never claimed: its message was lost."""
    values = {"after": after, **_of(campaign_ids)}
    return connection.execute(_UNMARK_UNCLAIMED, values).rowcount


def _of(campaign_ids: Sequence[UUID] | None) -> dict[str, object]:
    """Values for a statement about these campaigns, or about all of them."""
    return {"everywhere": campaign_ids is None, "campaign_ids": list(campaign_ids or ())}


_TAKE_BACK = text("""
WITH lost AS (
    SELECT campaign_id, sequence FROM chunk
    WHERE state = 'sending' AND lease_until <= statement_timestamp()
      AND (:everywhere OR campaign_id = ANY(CAST(:campaign_ids AS uuid[])))
    LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED
), back AS (
    UPDATE chunk
    SET state = CASE WHEN lost_leases + 1 >= :most THEN 'unresolved' ELSE 'pending' END,
        settled_at = CASE WHEN lost_leases + 1 >= :most THEN clock_timestamp() END,
        lost_leases = lost_leases + 1, lease_until = NULL, due_at = clock_timestamp(),
        http_status = NULL, code = NULL,
        error = CASE WHEN lost_leases + 1 >= :most THEN 'Its worker died ' || :most || ' times'
                     ELSE 'Its worker did not report back' END
    FROM lost
    WHERE chunk.campaign_id = lost.campaign_id AND chunk.sequence = lost.sequence
    RETURNING chunk.*
)
INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at, outcome,
                     chunk_state, error)
SELECT campaign_id, sequence, attempt, round, claimed_by, claimed_at, 'lease_lost', state, error
FROM back
""")


def take_back_lost_leases(
    connection: Connection, campaign_ids: Sequence[UUID] | None = None
) -> int:
    """Return chunks whose worker's lease has ended; after the fifth time they are unresolved."""
    values = {"batch": _BATCH, "most": MOST_LOST_LEASES, **_of(campaign_ids)}
    return connection.execute(_TAKE_BACK, values).rowcount


_SETTLE_CLOSED = text("""
UPDATE chunk
SET state = 'unresolved', published_at = NULL, settled_at = clock_timestamp(),
    error = coalesce(error, 'The time in which it could be tried again safely ran out')
WHERE campaign_id = :campaign_id AND state = 'pending' AND sequence = ANY(ARRAY(
    SELECT sequence FROM chunk
    WHERE campaign_id = :campaign_id AND state = 'pending'
      AND in_doubt_since <= statement_timestamp() - :window
    LIMIT :step))
""")


def settle_closed_windows(connection: Connection, campaign_id: UUID, window: timedelta) -> int:
    """Give up what may have been sent and cannot be asked about any more; how many chunks.

    A step of them, if they are very many. `window` is its usable part. A paused campaign's windows
    close like any other's.
    """
    lock(connection, campaign_id)
    values = {"campaign_id": campaign_id, "window": window, "step": STEP}
    settled = connection.execute(_SETTLE_CLOSED, values).rowcount
    roll_up(connection, campaign_id)
    return settled
