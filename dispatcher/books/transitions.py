"""The only writer of states. Every write is guarded by the state it expects, and says who lost.

A chunk's verbs come first, then the sweep's, then a campaign's. A transaction that touches a
campaign's row and its chunks' locks the campaign's first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from dispatcher.books import progress
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import (
    CODE_NOBODY_FOUND,
    FAILURES_BEFORE_HOLD,
    LAST_ENDED,
    LIVE_CAMPAIGNS,
    MOST_LOST_LEASES,
    MOST_REJECTIONS,
    RETRIABLE,
    Accepted,
    CampaignState,
    ChunkFacts,
    ChunkState,
    Decision,
    NotSent,
    Outcome,
    account_hold,
    is_conclusive,
    name_of,
)

_PROBE_HOLD = timedelta(seconds=5)
_BATCH = 1000
_UNREACHABLE = "the Push API cannot be reached"
_ACCEPTED = "accepted"

# --- a chunk under a worker ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make one attempt at a chunk until its lease ends."""

    campaign_id: UUID
    sequence: int
    round: int
    attempt: int
    pack_id: str
    size: int
    members: str
    in_doubt_before: datetime | None
    claimed_at: datetime
    window_left: timedelta
    corruptions: int
    account: str

    def facts(self, window: timedelta) -> ChunkFacts:
        """What a decision needs to know of this chunk; `window` is the usable window."""
        return ChunkFacts(
            attempt=self.attempt,
            claimed_at=self.claimed_at,
            in_doubt_since=self.in_doubt_before,
            corruptions=self.corruptions,
            window=window,
        )


# While an account's attempts cannot be sent at all, one winner a hold is the probe; a claim that
# finds no chunk leaves the hold as it is.
_CLAIM = text("""
WITH due AS (
    SELECT chunk.campaign_id, chunk.sequence, chunk.in_doubt_since, campaign.account,
           account.failures >= :failures_before_hold AS probing, clock_timestamp() AS now
    FROM chunk
    JOIN campaign ON campaign.id = chunk.campaign_id
    JOIN account ON account.name = campaign.account
    WHERE chunk.campaign_id = :campaign_id AND chunk.sequence = :sequence
      AND chunk.state = 'pending' AND chunk.due_at <= clock_timestamp()
      AND (chunk.in_doubt_since IS NULL OR chunk.in_doubt_since + :window > clock_timestamp())
      AND campaign.state = 'running'
      AND (campaign.expires_at IS NULL OR campaign.expires_at > clock_timestamp())
      AND (account.hold_until IS NULL OR account.hold_until <= clock_timestamp())
    FOR NO KEY UPDATE OF chunk SKIP LOCKED
), probe AS (
    UPDATE account
    SET hold_until = clock_timestamp() + :probe_hold, hold_reason = :unreachable
    FROM due
    WHERE due.probing AND account.name = due.account
      AND (account.hold_until IS NULL OR account.hold_until <= clock_timestamp())
    RETURNING account.name
)
UPDATE chunk
SET state = 'sending', attempt = chunk.attempt + 1, published_at = NULL,
    claimed_at = due.now, claimed_by = :worker, lease_until = due.now + :lease,
    in_doubt_since = coalesce(due.in_doubt_since, due.now)
FROM due
WHERE chunk.campaign_id = due.campaign_id AND chunk.sequence = due.sequence
  AND (NOT due.probing OR EXISTS (SELECT FROM probe))
RETURNING chunk.campaign_id, chunk.sequence, chunk.round, chunk.attempt, chunk.pack_id, chunk.size,
    chunk.members, due.in_doubt_since AS in_doubt_before, chunk.claimed_at,
    chunk.in_doubt_since + :window - due.now AS window_left, chunk.corruptions, due.account
""")


def claim(
    connection: Connection,
    campaign_id: UUID,
    sequence: int,
    *,
    worker: str,
    lease: timedelta,
    window: timedelta,
) -> Claim | None:
    """Take the chunk for one attempt, before its request; None if it is not ours to send.

    `worker` is the name that the attempt log shows, `lease` how long nobody else may take the
    chunk, `window` the usable part of the vendor's window. The caller commits before a byte is
    sent.
    """
    row = connection.execute(
        _CLAIM,
        {
            "campaign_id": campaign_id,
            "sequence": sequence,
            "worker": worker,
            "lease": lease,
            "window": window,
            "failures_before_hold": FAILURES_BEFORE_HOLD,
            "probe_hold": _PROBE_HOLD,
            "unreachable": _UNREACHABLE,
        },
    ).one_or_none()
    return None if row is None else Claim(*row)


_RECORD = text("""
WITH settled AS (
    UPDATE chunk
    SET state = :state, lease_until = NULL, in_doubt_since = :in_doubt_since,
        due_at = coalesce(clock_timestamp() + :due_in, due_at), corruptions = :corruptions,
        settled_at = CASE WHEN :state <> 'pending' THEN clock_timestamp() END,
        audience = :audience, successful = :successful, erroneous = :erroneous,
        http_status = :http_status, code = :code, error = :error
    WHERE campaign_id = :campaign_id AND sequence = :sequence
      AND state = 'sending' AND attempt = :attempt
    RETURNING campaign_id, sequence, attempt, round, claimed_at, claimed_by
), logged AS (
    INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at, outcome,
                         chunk_state, http_status, code, error, error_details)
    SELECT campaign_id, sequence, attempt, round, claimed_by, claimed_at, :outcome,
           :state, :http_status, :code, :error, :error_details
    FROM settled
), reached AS (
    UPDATE account
    SET failures = 0,
        hold_until = CASE WHEN hold_reason <> :unreachable THEN hold_until END,
        hold_reason = CASE WHEN hold_reason <> :unreachable THEN hold_reason END
    WHERE name = :account AND failures > 0 AND :conclusive AND EXISTS (SELECT FROM settled)
)
SELECT count(*) FROM settled
""")

_LATE_PROOF = text("""
UPDATE chunk
SET state = 'delivered', published_at = NULL, lease_until = NULL, in_doubt_since = NULL,
    settled_at = coalesce(settled_at, clock_timestamp()),
    audience = :audience, successful = :successful, erroneous = :erroneous,
    http_status = NULL, code = NULL, error = NULL
WHERE campaign_id = :campaign_id AND sequence = :sequence AND round = :round
  AND state IN ('pending', 'sending', 'uncounted', 'unresolved')
""")

# The sweep has written the attempt's row, unless another attempt's late proof ended this one.
_LOG_LATE = text("""
INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at, outcome,
                     chunk_state, http_status, code, error, error_details)
SELECT campaign_id, sequence, :attempt, :round, claimed_by, :claimed_at, :outcome,
       state, :http_status, :code, :error, :error_details
FROM chunk WHERE campaign_id = :campaign_id AND sequence = :sequence
ON CONFLICT (campaign_id, sequence, attempt) DO UPDATE
SET outcome = excluded.outcome, chunk_state = excluded.chunk_state, ended_at = excluded.ended_at,
    http_status = NULL, code = NULL, error = NULL, error_details = excluded.error_details
WHERE excluded.outcome = :accepted AND attempt.outcome <> :accepted
""")


def record(connection: Connection, claim: Claim, outcome: Outcome, decision: Decision) -> bool:
    """Write down what the attempt came to; False where another worker holds the chunk by now.

    An accepted reply of the same round is true whoever brings it, and counts even when the lease
    was lost. The account's hold and the campaign's pause are part of the same transaction.
    """
    if decision.pause is not None:
        _lock(connection, claim.campaign_id)
    values = _values(claim, outcome, decision)
    if not connection.scalar(_RECORD, values):
        return _record_late(connection, claim, outcome, values)
    _hold_account(connection, claim.account, outcome, decision)
    if decision.pause is not None:
        _pause_as_decided(connection, claim.campaign_id, decision, decision.pause)
    return True


def _record_late(
    connection: Connection, claim: Claim, outcome: Outcome, values: dict[str, object]
) -> bool:
    """Log what came after the chunk was taken from this attempt; whether it proves delivery."""
    proven = False
    if isinstance(outcome, Accepted):
        _lock(connection, claim.campaign_id)
        proven = bool(connection.execute(_LATE_PROOF, values).rowcount)
        if proven:
            roll_up(connection, claim.campaign_id)
    connection.execute(_LOG_LATE, values)
    return proven


def _values(claim: Claim, outcome: Outcome, decision: Decision) -> dict[str, object]:
    accepted = outcome if isinstance(outcome, Accepted) else None
    reason = None if isinstance(outcome, Accepted) else outcome.reason
    return {
        "campaign_id": claim.campaign_id,
        "sequence": claim.sequence,
        "attempt": claim.attempt,
        "round": claim.round,
        "claimed_at": claim.claimed_at,
        "state": decision.state,
        "in_doubt_since": decision.in_doubt_since,
        "due_in": decision.due_in,
        "corruptions": decision.corruptions,
        "outcome": name_of(outcome),
        "accepted": _ACCEPTED,
        "audience": accepted and accepted.audience,
        "successful": accepted and accepted.successful,
        "erroneous": accepted and accepted.erroneous,
        "error_details": accepted and accepted.error_details,
        "http_status": reason and reason.http_status,
        "code": reason and reason.code,
        "error": reason and reason.message,
        "account": claim.account,
        "conclusive": is_conclusive(outcome),
        "unreachable": _UNREACHABLE,
    }


_HOLD = text("""
UPDATE account
SET hold_until = greatest(hold_until, clock_timestamp() + :hold),
    hold_reason = CASE WHEN hold_until > clock_timestamp() + :hold THEN hold_reason ELSE :reason END
WHERE name = :account
""")
_COUNT_FAILURE = text(
    "UPDATE account SET failures = failures + 1 WHERE name = :account RETURNING failures"
)


def _hold_account(
    connection: Connection, account: str, outcome: Outcome, decision: Decision
) -> None:
    """Let the whole account rest where the vendor asked for it or cannot be reached."""
    hold, reason = decision.hold, "the Push API asked to wait"
    if isinstance(outcome, NotSent):
        failures = connection.scalar(_COUNT_FAILURE, {"account": account})
        hold, reason = account_hold(failures or 0), _UNREACHABLE
    if hold is not None:
        connection.execute(_HOLD, {"account": account, "hold": hold, "reason": reason})


# Rows are locked one by one in no order: whoever would wait for a locked one could wait in a ring.
_GIVE_BACK = text("""
WITH unclaimed AS (
    SELECT campaign_id, sequence FROM chunk
    WHERE campaign_id = :campaign_id AND sequence = ANY(:sequences)
      AND state = 'pending' AND published_at IS NOT NULL
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE chunk
SET published_at = NULL,
    due_at = CASE WHEN :due_in > interval '0' THEN greatest(due_at, clock_timestamp() + :due_in)
                  ELSE due_at END
FROM unclaimed
WHERE chunk.campaign_id = unclaimed.campaign_id AND chunk.sequence = unclaimed.sequence
""")


def give_back(
    connection: Connection,
    campaign_id: UUID,
    sequences: Sequence[int],
    due_in: timedelta = timedelta(0),
) -> None:
    """Return published chunks that were not claimed, to be due again after `due_in`.

    A chunk that somebody else has locked is in better hands: they claim it or return it.
    """
    connection.execute(
        _GIVE_BACK,
        {"campaign_id": campaign_id, "sequences": list(sequences), "due_in": due_in},
    )


# --- chunks under the relay ----------------------------------------------------------------------


# A limit that the planner can read keeps it from reading the whole campaign.
def _publish(which: str, order: str) -> TextClause:
    return text(f"""
    WITH due AS (
        SELECT sequence, row_number() OVER (ORDER BY {order}) AS place
        FROM (SELECT sequence, in_doubt_since, due_at FROM chunk
              WHERE campaign_id = :campaign_id AND state = 'pending' AND published_at IS NULL
                AND {which} AND due_at <= statement_timestamp()
                AND (SELECT state = 'running' FROM campaign WHERE id = :campaign_id)
              ORDER BY {order} LIMIT :count FOR NO KEY UPDATE SKIP LOCKED) AS locked
    ), marked AS (
        UPDATE chunk SET published_at = clock_timestamp()
        FROM due
        WHERE chunk.campaign_id = :campaign_id AND chunk.sequence = due.sequence
        RETURNING chunk.sequence, due.place
    )
    SELECT sequence FROM marked ORDER BY place
    """)


_PUBLISH_DOUBTFUL = _publish("in_doubt_since IS NOT NULL", "in_doubt_since")
_PUBLISH_FRESH = _publish("in_doubt_since IS NULL", "due_at, sequence")


def mark_published(
    connection: Connection, campaign_id: UUID, *, count: int, fresh: int
) -> list[int]:
    """Mark up to `count` due chunks, of which `fresh` may be clean ones; their sequences.

    Those in doubt come first, the oldest window before all; then the clean ones, in the order of
    the audience. None of a campaign that does not run.
    """
    values = {"campaign_id": campaign_id, "count": count}
    doubtful = list(connection.scalars(_PUBLISH_DOUBTFUL, values))
    values["count"] = min(fresh, count - len(doubtful))
    return doubtful + list(connection.scalars(_PUBLISH_FRESH, values))


_UNMARK_UNCLAIMED = text("""
WITH unclaimed AS (
    SELECT campaign_id, sequence FROM chunk
    WHERE published_at < statement_timestamp() - :after AND state = 'pending'
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE chunk SET published_at = NULL
FROM unclaimed
WHERE chunk.campaign_id = unclaimed.campaign_id AND chunk.sequence = unclaimed.sequence
""")


def unmark_unclaimed(connection: Connection, after: timedelta) -> int:
    """Make due again what was published `after` ago and never claimed: its message was lost."""
    return connection.execute(_UNMARK_UNCLAIMED, {"after": after}).rowcount


_TAKE_BACK = text("""
WITH lost AS (
    SELECT campaign_id, sequence FROM chunk
    WHERE state = 'sending' AND lease_until <= statement_timestamp()
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


def take_back_lost_leases(connection: Connection) -> int:
    """Return chunks whose worker's lease has ended; after the fifth time they are unresolved."""
    return connection.execute(_TAKE_BACK, {"batch": _BATCH, "most": MOST_LOST_LEASES}).rowcount


_SETTLE_CLOSED = text("""
WITH closed AS (
    SELECT campaign_id, sequence FROM chunk
    WHERE state = 'pending' AND in_doubt_since <= statement_timestamp() - :window
    LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE chunk
SET state = 'unresolved', published_at = NULL, settled_at = clock_timestamp(),
    error = coalesce(error, 'The time in which it could be tried again safely ran out')
FROM closed
WHERE chunk.campaign_id = closed.campaign_id AND chunk.sequence = closed.sequence
""")


def settle_closed_windows(connection: Connection, window: timedelta) -> int:
    """Give up what may have been sent and cannot be asked about any more."""
    return connection.execute(_SETTLE_CLOSED, {"window": window, "batch": _BATCH}).rowcount


# --- a campaign ----------------------------------------------------------------------------------

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
WHERE state = 'scheduled' AND send_at <= clock_timestamp()
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
FROM published
WHERE chunk.campaign_id = :campaign_id AND chunk.sequence = published.sequence
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


def _lock(connection: Connection, campaign_id: UUID) -> CampaignState:
    return CampaignState(connection.execute(_LOCK, {"campaign_id": campaign_id}).scalar_one())


def roll_up(connection: Connection, campaign_id: UUID) -> None:
    """Sum the chunks up on the campaign's row, and finish it when nothing remains.

    Where the campaign was cancelled or has expired, what is pending is settled first: clean chunks
    share the campaign's end; those in doubt are unresolved, as to ask again could send. The lock is
    a statement of its own: a sum that waited for it within one statement would write an old
    snapshot over a newer one.
    """
    state = _lock(connection, campaign_id)
    if state in (CampaignState.CANCELLED, CampaignState.EXPIRED):
        connection.execute(_CLOSE, {"campaign_id": campaign_id, "state": state})
    progress.sum_up(connection, campaign_id)
    connection.execute(_COMPLETE, {"campaign_id": campaign_id})


def start_due(connection: Connection) -> int:
    """Start the scheduled campaigns whose time has come."""
    return connection.execute(_START_DUE).rowcount


def pause(connection: Connection, campaign_id: UUID) -> None:
    """Begin no new request; those on the wire finish. Done where it is paused already."""
    state = _lock(connection, campaign_id)
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: it cannot be paused.")
    if state != CampaignState.PAUSED:
        _set_state(connection, campaign_id, CampaignState.PAUSED)


def resume(connection: Connection, campaign_id: UUID) -> None:
    """Go on where the campaign stood. Done where it is running or scheduled already."""
    state = _lock(connection, campaign_id)
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: it cannot be resumed.")
    if state == CampaignState.PAUSED:
        connection.execute(_RESUME, {"campaign_id": campaign_id})
        connection.execute(_UNMARK, {"campaign_id": campaign_id})


def cancel(connection: Connection, campaign_id: UUID) -> None:
    """End the campaign; what is on the wire finishes. Done where it is cancelled already."""
    state = _lock(connection, campaign_id)
    if state == CampaignState.CANCELLED:
        return
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: it cannot be cancelled.")
    _set_state(connection, campaign_id, CampaignState.CANCELLED)
    roll_up(connection, campaign_id)


def expire(connection: Connection, campaign_id: UUID) -> None:
    """End a campaign whose time has run out; what is on the wire finishes."""
    if _lock(connection, campaign_id) in LIVE_CAMPAIGNS:
        _set_state(connection, campaign_id, CampaignState.EXPIRED)
        roll_up(connection, campaign_id)


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
    time of expiry that has passed is lifted; a paused campaign stays paused.
    """
    stands = _lock(connection, campaign_id)
    if state not in RETRIABLE or stands in (CampaignState.SCHEDULED, CampaignState.CANCELLED):
        raise ImpossibleInState(
            f"Campaign {campaign_id} is {stands}: its {state} chunks cannot be sent again."
        )
    values = {"campaign_id": campaign_id, "state": state}
    retried = connection.execute(_RETRY, values).rowcount
    if retried:
        connection.execute(_REOPEN, {"campaign_id": campaign_id})
        roll_up(connection, campaign_id)
    return retried


def set_rate(connection: Connection, campaign_id: UUID, rate: float | None) -> None:
    """Set how many requests a second the campaign may make; None lifts the limit."""
    state = _lock(connection, campaign_id)
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


def _pause_as_decided(
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
