"""A chunk under a worker: claimed, recorded, given back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books.transitions.steering import lock, pause_as_decided, roll_up
from dispatcher.lifecycle import (
    FAILURES_BEFORE_HOLD,
    Accepted,
    ChunkFacts,
    Decision,
    NotSent,
    Outcome,
    account_hold,
    is_conclusive,
    name_of,
)

_PROBE_HOLD = timedelta(seconds=5)
_UNREACHABLE = "the Push API cannot be reached"
_ACCEPTED = "accepted"
_LEASE_LOST = "lease_lost"


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

# A proof ends the attempt that holds the chunk, too: its worker may never report.
_LATE_PROOF = text("""
WITH unproven AS (
    SELECT campaign_id, sequence, state, attempt, round, claimed_at, claimed_by FROM chunk
    WHERE campaign_id = :campaign_id AND sequence = :sequence AND round = :round
      AND state IN ('pending', 'sending', 'uncounted', 'unresolved')
    FOR NO KEY UPDATE
), overtaken AS (
    INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at, outcome,
                         chunk_state, error)
    SELECT campaign_id, sequence, attempt, round, claimed_by, claimed_at, :lease_lost,
           'delivered', 'An earlier attempt was proven to be accepted'
    FROM unproven WHERE state = 'sending'
)
UPDATE chunk
SET state = 'delivered', published_at = NULL, lease_until = NULL, in_doubt_since = NULL,
    settled_at = coalesce(settled_at, clock_timestamp()),
    audience = :audience, successful = :successful, erroneous = :erroneous,
    http_status = NULL, code = NULL, error = NULL
FROM unproven
WHERE chunk.campaign_id = unproven.campaign_id AND chunk.sequence = unproven.sequence
""")

# The attempt's row was written when its lease was lost: a proof corrects it, and whatever it came
# to does where another attempt's proof had ended it.
_LOG_LATE = text("""
UPDATE attempt
SET outcome = :outcome, ended_at = clock_timestamp(), http_status = :http_status, code = :code,
    error = :error, error_details = :error_details,
    chunk_state = (SELECT state FROM chunk
                   WHERE campaign_id = :campaign_id AND sequence = :sequence)
WHERE campaign_id = :campaign_id AND sequence = :sequence AND attempt = :attempt
  AND outcome <> :accepted
  AND (:outcome = :accepted OR outcome = :lease_lost AND chunk_state = 'delivered')
""")


def record(connection: Connection, claim: Claim, outcome: Outcome, decision: Decision) -> bool:
    """Write down what the attempt came to; False where another worker holds the chunk by now.

    An accepted reply of the same round is true whoever brings it, and counts even when the lease
    was lost. The account's hold and the campaign's pause are part of the same transaction.
    """
    if decision.pause is not None:
        lock(connection, claim.campaign_id)
    values = _values(claim, outcome, decision)
    if not connection.scalar(_RECORD, values):
        return _record_late(connection, claim, outcome, values)
    _hold_account(connection, claim.account, outcome, decision)
    if decision.pause is not None:
        pause_as_decided(connection, claim.campaign_id, decision, decision.pause)
    return True


def _record_late(
    connection: Connection, claim: Claim, outcome: Outcome, values: dict[str, object]
) -> bool:
    """Log what came after the chunk was taken from this attempt; whether it proves delivery."""
    proven = False
    if isinstance(outcome, Accepted):
        lock(connection, claim.campaign_id)
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
        "lease_lost": _LEASE_LOST,
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
