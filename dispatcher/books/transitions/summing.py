"""A campaign's row under its lock: the sum of its chunks, and what it will not send any more."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books import progress
from dispatcher.books.acts import ITSELF
from dispatcher.books.transitions.judging import judge_locked
from dispatcher.books.transitions.noting import note
from dispatcher.lifecycle import CampaignState

STEP = 5_000
"""So many chunks at most are moved in one transaction: some tenths of a second."""

_ENDED = (CampaignState.CANCELLED, CampaignState.EXPIRED)
_LOCK = text("SELECT state FROM campaign WHERE id = :campaign_id FOR NO KEY UPDATE")
_LOCK_FREE = text("""
SELECT id FROM campaign WHERE id = ANY(:campaign_ids) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
""")
_COMPLETE = text("""
UPDATE campaign
SET finished_at = clock_timestamp(),
    state = CASE WHEN campaign.state IN ('cancelled', 'expired') THEN campaign.state
                 ELSE 'completed' END,
    canary_state = CASE WHEN canary_state = 'running' THEN 'undecided' ELSE canary_state END
FROM (SELECT id, state FROM campaign WHERE id = ANY(:campaign_ids)) AS before
WHERE campaign.id = before.id AND finished_at IS NULL
  AND chunks_pending = 0 AND chunks_sending = 0
RETURNING campaign.id, before.state AS before, campaign.state AS after
""")
# The partial indexes find what is pending, however much of the campaign is not any more.
_CLOSE = text("""
UPDATE chunk
SET state = CASE WHEN in_doubt_since IS NULL THEN :state ELSE 'unresolved' END,
    published_at = NULL, settled_at = clock_timestamp()
WHERE campaign_id = :campaign_id AND state = 'pending' AND sequence = ANY(ARRAY(
    (SELECT sequence FROM chunk WHERE campaign_id = :campaign_id AND state = 'pending'
       AND in_doubt_since IS NULL AND published_at IS NULL LIMIT :step)
    UNION ALL
    (SELECT sequence FROM chunk WHERE campaign_id = :campaign_id AND state = 'pending'
       AND in_doubt_since IS NOT NULL LIMIT :step)
    UNION ALL
    (SELECT sequence FROM chunk WHERE campaign_id = :campaign_id AND state = 'pending'
       AND in_doubt_since IS NULL AND published_at IS NOT NULL LIMIT :step)
    LIMIT :step))
""")
_FORGET_SUM = text("UPDATE campaign SET summed_at = NULL WHERE id = :campaign_id")


def lock(connection: Connection, campaign_id: UUID) -> CampaignState:
    """Hold the campaign's row until the transaction's end; the state that it has."""
    return CampaignState(connection.execute(_LOCK, {"campaign_id": campaign_id}).scalar_one())


def lock_free(connection: Connection, campaign_ids: Sequence[UUID]) -> list[UUID]:
    """Hold these campaigns' rows, but for those that somebody else has locked."""
    return list(connection.scalars(_LOCK_FREE, {"campaign_ids": list(campaign_ids)}))


def roll_up(connection: Connection, campaign_id: UUID) -> None:
    """Sum the chunks up on the campaign's row, and finish it when nothing remains.

    Where the campaign was cancelled or has expired, what is pending is settled first, a step of it:
    clean chunks share the campaign's end; those in doubt are unresolved, as to ask again could
    send. The lock is a statement of its own: a sum that waited for it within one statement would
    write an old snapshot over a newer one.
    """
    _close(connection, campaign_id, lock(connection, campaign_id))
    sum_up_locked(connection, [campaign_id])


def sum_up_locked(connection: Connection, campaign_ids: Sequence[UUID]) -> None:
    """Sum up several campaigns, whose rows the caller has locked in an earlier statement.

    What has nothing left is complete; what goes on has its errors tested.
    """
    progress.sum_up(connection, campaign_ids)
    for row in connection.execute(_COMPLETE, {"campaign_ids": list(campaign_ids)}).all():
        if row.before != row.after:
            before, after = {"state": row.before}, {"state": row.after}
            note(connection, row.id, "complete", before=before, after=after, by=ITSELF)
    judge_locked(connection, campaign_ids)


def settle_rest(connection: Connection, campaign_id: UUID) -> int:
    """Settle a step of what a cancelled or expired campaign will not send; how many chunks.

    The last step, which is not a whole one, sums the campaign up.
    """
    settled = _close(connection, campaign_id, lock(connection, campaign_id))
    if settled < STEP:
        sum_up_locked(connection, [campaign_id])
    return settled


def forget_sum(connection: Connection, campaign_id: UUID) -> None:
    """Leave the sum to the next sweep: chunks were moved, and more are to be."""
    connection.execute(_FORGET_SUM, {"campaign_id": campaign_id})


def _close(connection: Connection, campaign_id: UUID, state: CampaignState) -> int:
    if state not in _ENDED:
        return 0
    values = {"campaign_id": campaign_id, "state": state, "step": STEP}
    return connection.execute(_CLOSE, values).rowcount
