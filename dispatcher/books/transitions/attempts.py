"""What one attempt came to, where it concerns more than its chunk; and chunks that go unclaimed."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books.transitions.exchanging import Report, record_alone, values_of
from dispatcher.books.transitions.isolating import divide, divided, settle_parts
from dispatcher.books.transitions.resting import rest_as_decided
from dispatcher.books.transitions.steering import pause_as_decided
from dispatcher.books.transitions.summing import lock, roll_up
from dispatcher.lifecycle import Accepted

_ACCEPTED = "accepted"
_LEASE_LOST = "lease_lost"

# A proof ends the attempt that holds the chunk, too: its worker may never report.
_LATE_PROOF = text("""
WITH unproven AS (
    SELECT campaign_id, sequence, state, attempt, round, claimed_at, claimed_by FROM chunk
    WHERE campaign_id = :campaign_id AND sequence = :sequence AND round = :round
      AND state IN ('pending', 'sending', 'uncounted', 'unresolved', 'rejected')
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
# to does where another attempt's proof had ended it. What the vendor quotes goes with the audience.
_LOG_LATE = text("""
UPDATE attempt
SET outcome = :outcome, ended_at = clock_timestamp(), http_status = :http_status, code = :code,
    (chunk_state, error, error_details) =
        (SELECT state, CASE WHEN members IS NULL THEN :words ELSE :error END,
                CASE WHEN members IS NOT NULL THEN :error_details END FROM chunk
         WHERE campaign_id = :campaign_id AND sequence = :sequence)
WHERE campaign_id = :campaign_id AND sequence = :sequence AND attempt = :attempt
  AND outcome <> :accepted
  AND (:outcome = :accepted OR outcome = :lease_lost AND chunk_state = 'delivered')
""")


def record(connection: Connection, report: Report) -> Report | None:
    """Write down what one attempt came to; None where another worker holds the chunk by now.

    Gives the report as it was recorded, which is another one where the chunk was divided. Waits for
    a chunk that somebody has locked. An accepted reply of the same round is true whoever brings it,
    and counts even when the lease was lost; that of a chunk which was divided since ends its parts.
    The account's hold, the campaign's pause and what a refused chunk is divided into are part of
    the same transaction.
    """
    claim, decision, division = report.claim, report.decision, None
    if decision.pause is not None:
        division = divided(connection, report, lock(connection, claim.campaign_id))
    to_record = report if division is None else division.report
    attempted = connection.begin_nested()
    if not record_alone(connection, to_record):
        # The row is another's by now: what looked at it has locked it, and the campaign's lock is
        # to come first.
        attempted.rollback()
        return report if _record_late(connection, report) else None
    attempted.commit()
    rest_as_decided(connection, report)
    if division is not None:
        divide(connection, division)
    elif decision.pause is not None:
        pause_as_decided(connection, claim.campaign_id, decision, decision.pause)
    return to_record


def _record_late(connection: Connection, report: Report) -> bool:
    """Log what came after the chunk was taken from this attempt; whether it proves delivery."""
    outcome = report.outcome
    values = values_of(report) | {
        "words": None if isinstance(outcome, Accepted) else outcome.reason.words,
        "round": report.claim.round,
        "accepted": _ACCEPTED,
        "lease_lost": _LEASE_LOST,
    }
    proven = False
    if isinstance(outcome, Accepted):
        lock(connection, report.claim.campaign_id)
        proven = bool(connection.execute(_LATE_PROOF, values).rowcount)
        if proven or settle_parts(connection, report.claim):
            roll_up(connection, report.claim.campaign_id)
    connection.execute(_LOG_LATE, values)
    return proven


_WAS_RECORDED = text("""
SELECT EXISTS (
    SELECT FROM attempt
    WHERE campaign_id = :campaign_id AND sequence = :sequence AND attempt = :attempt
      AND outcome = :outcome)
  AND (:outcome <> :accepted OR NOT EXISTS (
    SELECT FROM chunk LEFT JOIN attempt USING (campaign_id, sequence)
    WHERE campaign_id = :campaign_id AND sequence = :sequence
      AND (chunk.round > :round OR attempt.attempt <> :attempt AND outcome = :accepted)))
""")


def was_recorded(connection: Connection, report: Report) -> bool:
    """Whether this very report is in the books: an earlier commit's reply may have been lost.

    Where another attempt was accepted as well, or is to be made under another pack_id, it is not.
    """
    values = values_of(report) | {"round": report.claim.round, "accepted": _ACCEPTED}
    return bool(connection.scalar(_WAS_RECORDED, values))


# Rows are locked one by one in no order: whoever would wait for a locked one could wait in a ring.
_GIVE_BACK = text("""
WITH unclaimed AS (
    SELECT campaign_id, sequence FROM chunk
    WHERE campaign_id = :campaign_id AND sequence = ANY(:sequences)
      AND state = 'pending' AND published_at IS NOT NULL
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE chunk
SET published_at = NULL
FROM unclaimed
WHERE chunk.campaign_id = unclaimed.campaign_id AND chunk.sequence = unclaimed.sequence
""")


def give_back(connection: Connection, campaign_id: UUID, sequences: Sequence[int]) -> bool:
    """Return published chunks that were not claimed, due as they were before; whether any.

    A chunk that somebody else has locked is in better hands: they claim it or return it.
    """
    returned = connection.execute(
        _GIVE_BACK, {"campaign_id": campaign_id, "sequences": list(sequences)}
    )
    return returned.rowcount > 0
