"""A campaign: summed up, started, paused, resumed, ended, opened again.

Each verb locks the campaign's row first.
"""

from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books import progress
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import (
    CODE_NOBODY_FOUND,
    LAST_ENDED,
    LIVE_CAMPAIGNS,
    MOST_REJECTIONS,
    RETRIABLE,
    CampaignState,
    ChunkState,
    Decision,
)

_LOCK = text("SELECT state FROM campaign WHERE id = :campaign_id FOR NO KEY UPDATE")
_SET_STATE = text("UPDATE campaign SET state = :state, reason = :reason WHERE id = :campaign_id")
_COMPLETE = text("""
UPDATE campaign
SET finished_at = clock_timestamp(),
    state = CASE WHEN state IN ('running', 'paused') THEN 'completed' ELSE state END
WHERE id = :campaign_id AND finished_at IS NULL AND chunks_pending = 0 AND chunks_sending = 0
""")
_CLOSE = text("""
UPDATE chunk
SET state = CASE WHEN in_doubt_since IS NULL THEN :state ELSE 'unresolved' END,
    published_at = NULL, settled_at = clock_timestamp()
WHERE campaign_id = :campaign_id AND state = 'pending'
""")
_START_DUE = text("""
UPDATE campaign
SET state = 'running', started_at = clock_timestamp(), resumed_at = clock_timestamp()
WHERE state = 'scheduled' AND finished_at IS NULL AND send_at <= clock_timestamp()
""")
_PAUSE_ITSELF = text("""
UPDATE campaign SET state = 'paused', reason = :reason
WHERE id = :campaign_id AND state = 'running'
  AND NOT (:unless_delivered AND EXISTS (
      SELECT FROM chunk
      WHERE campaign_id = :campaign_id AND state IN ('delivered', 'uncounted')))
""")
_RESUME = text("""
UPDATE campaign
SET state = CASE WHEN send_at > clock_timestamp() THEN 'scheduled' ELSE 'running' END,
    started_at = CASE WHEN send_at > clock_timestamp() THEN started_at
                      ELSE coalesce(started_at, clock_timestamp()) END,
    reason = NULL, resumed_at = clock_timestamp()
WHERE id = :campaign_id
""")
_UNMARK = text("""
WITH published AS (
    SELECT sequence FROM chunk
    WHERE campaign_id = :campaign_id AND published_at IS NOT NULL
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE chunk SET published_at = NULL
WHERE campaign_id = :campaign_id AND sequence = ANY(ARRAY(SELECT sequence FROM published))
""")
_RECENT_REJECTIONS = text("""
SELECT count(*) FROM (
    SELECT chunk_state, code
    FROM attempt
    WHERE campaign_id = :campaign_id AND chunk_state <> 'pending'
      AND ended_at >= (SELECT resumed_at FROM campaign WHERE id = :campaign_id)
    ORDER BY ended_at DESC LIMIT :last) AS ended
WHERE chunk_state = 'rejected' AND code IS DISTINCT FROM :nobody_found
""")


def lock(connection: Connection, campaign_id: UUID) -> CampaignState:
    """Hold the campaign's row until the transaction's end; the state that it has."""
    return CampaignState(connection.execute(_LOCK, {"campaign_id": campaign_id}).scalar_one())


def roll_up(connection: Connection, campaign_id: UUID) -> None:
    """Sum the chunks up on the campaign's row, and finish it when nothing remains.

    Where the campaign was cancelled or has expired, what is pending is settled first: clean chunks
    share the campaign's end; those in doubt are unresolved, as to ask again could send. The lock is
    a statement of its own: a sum that waited for it within one statement would write an old
    snapshot over a newer one.
    """
    state = lock(connection, campaign_id)
    if state in (CampaignState.CANCELLED, CampaignState.EXPIRED):
        connection.execute(_CLOSE, {"campaign_id": campaign_id, "state": state})
    progress.sum_up(connection, campaign_id)
    connection.execute(_COMPLETE, {"campaign_id": campaign_id})


def start_due(connection: Connection) -> int:
    """Start the scheduled campaigns whose time has come."""
    return connection.execute(_START_DUE).rowcount


def pause(connection: Connection, campaign_id: UUID) -> None:
    """Begin no new request; those on the wire finish. Done where it is paused already."""
    state = lock(connection, campaign_id)
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: it cannot be paused.")
    if state != CampaignState.PAUSED:
        _set_state(connection, campaign_id, CampaignState.PAUSED)


def resume(connection: Connection, campaign_id: UUID) -> None:
    """Go on where the campaign stood. Done where it is running or scheduled already."""
    state = lock(connection, campaign_id)
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: it cannot be resumed.")
    if state == CampaignState.PAUSED:
        connection.execute(_RESUME, {"campaign_id": campaign_id})
        connection.execute(_UNMARK, {"campaign_id": campaign_id})


def cancel(connection: Connection, campaign_id: UUID) -> None:
    """End the campaign; what is on the wire finishes. Done where it is cancelled already."""
    state = lock(connection, campaign_id)
    if state == CampaignState.CANCELLED:
        return
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: it cannot be cancelled.")
    _set_state(connection, campaign_id, CampaignState.CANCELLED)
    roll_up(connection, campaign_id)


def expire(connection: Connection, campaign_id: UUID) -> None:
    """End a campaign whose time has run out; what is on the wire finishes."""
    if lock(connection, campaign_id) in LIVE_CAMPAIGNS:
        _set_state(connection, campaign_id, CampaignState.EXPIRED)
        roll_up(connection, campaign_id)


_IS_PURGED = text("SELECT purged_to > 0 FROM campaign WHERE id = :campaign_id")
_REOPEN = text("""
UPDATE campaign
SET state = CASE WHEN state = 'paused' THEN 'paused' ELSE 'running' END,
    reason = CASE WHEN state = 'paused' THEN reason END,
    started_at = coalesce(started_at, clock_timestamp()),
    finished_at = NULL, resumed_at = clock_timestamp(),
    expires_at = CASE WHEN expires_at > clock_timestamp() THEN expires_at END
WHERE id = :campaign_id
""")
_RETRY = text("""
UPDATE chunk
SET state = 'pending', round = round + 1, in_doubt_since = NULL, settled_at = NULL,
    lost_leases = 0, corruptions = 0, due_at = clock_timestamp(),
    http_status = NULL, code = NULL, error = NULL
WHERE campaign_id = :campaign_id AND state = :state
""")


def retry(connection: Connection, campaign_id: UUID, state: ChunkState) -> int:
    """Send the chunks in this state again, each in a new round under a new pack_id; how many.

    What may have been sent before can reach people a second time: that is the operator's order. A
    time of expiry that has passed is lifted; a paused campaign stays paused. Impossible once the
    campaign's audience is being dropped.
    """
    stands = lock(connection, campaign_id)
    if state not in RETRIABLE or stands in (CampaignState.SCHEDULED, CampaignState.CANCELLED):
        raise ImpossibleInState(
            f"Campaign {campaign_id} is {stands}: its {state} chunks cannot be sent again."
        )
    if connection.scalar(_IS_PURGED, {"campaign_id": campaign_id}):
        raise ImpossibleInState(
            f"Campaign {campaign_id} no longer has its audience: nobody of it can be sent to again."
        )
    values = {"campaign_id": campaign_id, "state": state}
    retried = connection.execute(_RETRY, values).rowcount
    if retried:
        connection.execute(_REOPEN, {"campaign_id": campaign_id})
        roll_up(connection, campaign_id)
    return retried


def set_rate(connection: Connection, campaign_id: UUID, rate: float | None) -> None:
    """Set how many requests a second the campaign may make; None lifts the limit."""
    state = lock(connection, campaign_id)
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: it has no rate any more.")
    connection.execute(
        text("UPDATE campaign SET rate = :rate WHERE id = :campaign_id"),
        {"rate": rate, "campaign_id": campaign_id},
    )


def _set_state(connection: Connection, campaign_id: UUID, state: CampaignState) -> None:
    values = {"campaign_id": campaign_id, "state": state, "reason": None}
    connection.execute(_SET_STATE, values)


def pause_itself(
    connection: Connection, campaign_id: UUID, reason: str, *, unless_delivered: bool = False
) -> None:
    """Pause a running campaign for a reason that a person must mend; nothing where it rests."""
    connection.execute(
        _PAUSE_ITSELF,
        {"campaign_id": campaign_id, "reason": reason, "unless_delivered": unless_delivered},
    )


def pause_as_decided(
    connection: Connection, campaign_id: UUID, decision: Decision, reason: str
) -> None:
    """Pause with the vendor's reason, or because too many of the last chunks were rejected."""
    pause_itself(connection, campaign_id, reason, unless_delivered=decision.unless_delivered)
    if decision.state == ChunkState.REJECTED:
        rejections = connection.scalar(
            _RECENT_REJECTIONS,
            {"campaign_id": campaign_id, "last": LAST_ENDED, "nobody_found": CODE_NOBODY_FOUND},
        )
        if (rejections or 0) > MOST_REJECTIONS:
            words = f"{rejections} of its last {LAST_ENDED} chunks were rejected: {reason}"
            pause_itself(connection, campaign_id, words)
