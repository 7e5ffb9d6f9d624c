"""The operator's order to send again, in steps of bounded work."""

from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books import approval
from dispatcher.books.holding import HAS_ZONES_WINDOWS
from dispatcher.books.transitions.forgetting import NOBODY
from dispatcher.books.transitions.noting import note
from dispatcher.books.transitions.summing import STEP, forget_sum, lock, roll_up
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import RETRIABLE, CampaignState, ChunkState
from dispatcher.words import counted

_FACTS = text("""
SELECT purged_to > 0 AS is_purged, chunks_total,
       CASE WHEN :count THEN (SELECT count(*) FROM chunk WHERE campaign_id = campaign.id) END
           AS stored
FROM campaign WHERE id = :campaign_id
""")
_REOPEN = text("""
UPDATE campaign
SET state = CASE WHEN state = 'paused' OR awaits_approval THEN 'paused' ELSE 'running' END,
    reason = CASE WHEN awaits_approval THEN :unapproved WHEN state = 'paused' THEN reason END,
    started_at = coalesce(started_at, clock_timestamp()),
    finished_at = NULL, resumed_at = clock_timestamp(),
    expires_at = CASE WHEN expires_at > clock_timestamp() THEN expires_at END,
    canary_state = CASE WHEN awaits_verdict AND guarded_since = created_at
                             AND canary_state IN ('undecided', 'unmeasurable')
                        THEN 'running' ELSE canary_state END
WHERE id = :campaign_id AND (:first OR finished_at IS NOT NULL)
""")
_STATE = text("SELECT state FROM campaign WHERE id = :campaign_id")
# Where each zone has its own window, a sweep lets the chunk be due when that is open.
_CLOSED = f"""
CASE WHEN (SELECT {HAS_ZONES_WINDOWS} FROM campaign WHERE id = :campaign_id)
     THEN clock_timestamp() END
"""
# Those who were forgotten are withheld now; only chunks that have such are looked at closely. The
# table stands here once: what a join with itself takes is a guess of the planner's, which knows
# nothing yet of what has just ended.
_RETRY = text(f"""
UPDATE chunk
SET (state, settled_at, members, withheld) = (
        SELECT CASE WHEN kept.members IS NULL AND gone > 0 THEN 'withheld' ELSE 'pending' END,
               CASE WHEN kept.members IS NULL AND gone > 0 THEN clock_timestamp() END,
               CASE WHEN gone > 0 THEN coalesce('[' || kept.members || ']', '[]')
                    ELSE chunk.members END,
               chunk.withheld + gone
        FROM (
            SELECT count(*) FILTER (WHERE CAST(member AS text) = '{NOBODY}') AS gone,
                   string_agg(CAST(member AS text), ',' ORDER BY place)
                       FILTER (WHERE CAST(member AS text) <> '{NOBODY}') AS members
            FROM json_array_elements(CAST(
                CASE WHEN position('{NOBODY}' IN chunk.members) > 0 THEN chunk.members ELSE '[]' END
                AS json)) WITH ORDINALITY AS listed(member, place)) AS kept),
    round = round + 1, in_doubt_since = NULL, lost_leases = 0, corruptions = 0,
    due_at = clock_timestamp(), closes_at = {_CLOSED}, http_status = NULL, code = NULL, error = NULL
WHERE campaign_id = :campaign_id AND state = :state
  AND sequence > :after AND sequence <= :until
""")


def retry(
    connection: Connection,
    campaign_id: UUID,
    state: ChunkState,
    *,
    after: int = 0,
    ordered: int = 0,
) -> int:
    """Send those of the next STEP chunks that are in this state again; how many they are.

    Each begins a new round under a new pack_id. An order goes through the chunks by their numbers,
    each step from beyond `after`, so that it takes up none twice, whatever becomes of it meanwhile;
    `ordered` is how many its earlier steps have found. The last step sums the campaign up.

    What may have been sent before can reach people a second time: that is the operator's order. A
    time of expiry that has passed is lifted when the order begins; a paused campaign stays paused.
    A canary that could not be decided is judged once more.
    Raises ImpossibleInState, also once the campaign's audience is being dropped.
    """
    stands = lock(connection, campaign_id)
    _refuse(campaign_id, state, stands, ordered)
    chunks = _chunks(connection, campaign_id, count=after == 0)
    values = {"campaign_id": campaign_id, "state": state, "after": after, "until": after + STEP}
    retried = connection.execute(_RETRY, values).rowcount
    if retried:
        again = {"first": not ordered, "unapproved": approval.REASON}
        connection.execute(_REOPEN, {"campaign_id": campaign_id, **again})
        reopened = connection.scalar(_STATE, {"campaign_id": campaign_id})
        after_it = {"state": reopened, "only": state, "chunks": retried}
        note(connection, campaign_id, "retry", before={"state": stands}, after=after_it)
    if ordered + retried and after + STEP >= chunks:
        roll_up(connection, campaign_id)
    elif retried:
        forget_sum(connection, campaign_id)
    return retried


def _refuse(campaign_id: UUID, state: ChunkState, stands: CampaignState, ordered: int) -> None:
    if state not in RETRIABLE or stands in (CampaignState.SCHEDULED, CampaignState.CANCELLED):
        raise ImpossibleInState(
            f"Campaign {campaign_id} is {stands}: its {state} chunks cannot be sent again"
            + (f", but for {ordered:,} that were ordered before that." if ordered else ".")
        )
    if ordered and stands == CampaignState.EXPIRED:
        raise ImpossibleInState(
            f"Campaign {campaign_id} has expired meanwhile: {counted(ordered, 'chunk')} had been "
            f"ordered to be sent again, the other {state} ones were not."
        )


def _chunks(connection: Connection, campaign_id: UUID, *, count: bool) -> int:
    """How many chunks the campaign has. Raises ImpossibleInState where they cannot be sent."""
    facts = connection.execute(_FACTS, {"campaign_id": campaign_id, "count": count}).one()
    if facts.is_purged:
        raise ImpossibleInState(
            f"Campaign {campaign_id} no longer has its audience: nobody of it can be sent to again."
        )
    if facts.stored is not None and facts.stored < facts.chunks_total:
        raise ImpossibleInState(
            f"Campaign {campaign_id} does not add up: {facts.stored:,} of its "
            f"{counted(facts.chunks_total, 'chunk')} are stored. Nothing of it can be sent again; "
            "`dispatcher verify` has the details."
        )
    chunks: int = facts.chunks_total
    return chunks
