"""A chunk under a worker: claimed, recorded, given back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from dispatcher.books.doubt import few_in_doubt
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

_PROBE_HOLD = "5 s"
_UNREACHABLE = "the Push API cannot be reached"
_ACCEPTED = "accepted"
_LEASE_LOST = "lease_lost"
_NO_TERMS = {"worker": None, "lease": None, "window": None}

ChunkKey = tuple[UUID, int]
"""A campaign's id and the number of one of its chunks."""


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


@dataclass(frozen=True, slots=True)
class Report:
    """What a claim's attempt came to, and what becomes of its chunk."""

    claim: Claim
    outcome: Outcome
    decision: Decision

    @property
    def concerns_others(self) -> bool:
        """Whether the account has to rest, or the campaign pauses, in the same transaction."""
        return (
            isinstance(self.outcome, NotSent)
            or self.decision.hold is not None
            or self.decision.pause is not None
        )


@dataclass(frozen=True, slots=True)
class Exchanged:
    """Which of the reports were recorded, by their places, and which chunks were claimed."""

    recorded: frozenset[int]
    claims: dict[ChunkKey, Claim]


# Each report and each wanted chunk finds its row by its key: OFFSET keeps the conditions out of
# that search, as the planner would rather read all that is in flight. While an account's attempts
# cannot be sent at all, one winner a hold is the probe; a claim that finds no chunk leaves the hold
# as it is. A campaign with too many chunks in doubt begins no clean one.
def _exchange(when_locked: str) -> str:
    return f"""
    WITH report AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:reports AS json)) AS report(
            place integer, campaign_id uuid, sequence integer, attempt integer, state text,
            in_doubt_since timestamptz, due_in double precision, corruptions integer,
            audience integer, successful integer, erroneous integer, error_details text,
            http_status integer, code integer, error text, outcome text, account text,
            conclusive boolean)
    ), held AS (
        SELECT report.*, chunk.round, chunk.claimed_at, chunk.claimed_by
        FROM report CROSS JOIN LATERAL (
            SELECT state, attempt, round, claimed_at, claimed_by FROM chunk
            WHERE campaign_id = report.campaign_id AND sequence = report.sequence
            OFFSET 0 FOR NO KEY UPDATE {when_locked}) AS chunk
        WHERE chunk.state = 'sending' AND chunk.attempt = report.attempt
    ), settled AS (
        UPDATE chunk
        SET state = held.state, lease_until = NULL, in_doubt_since = held.in_doubt_since,
            due_at = coalesce(clock_timestamp() + make_interval(secs => held.due_in), due_at),
            corruptions = held.corruptions,
            settled_at = CASE WHEN held.state <> 'pending' THEN clock_timestamp() END,
            audience = held.audience, successful = held.successful, erroneous = held.erroneous,
            http_status = held.http_status, code = held.code, error = held.error
        FROM held
        WHERE chunk.campaign_id = held.campaign_id AND chunk.sequence = held.sequence
    ), logged AS (
        INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at, outcome,
                             chunk_state, http_status, code, error, error_details)
        SELECT campaign_id, sequence, attempt, round, claimed_by, claimed_at, outcome,
               state, http_status, code, error, error_details
        FROM held
    ), reached AS (
        UPDATE account
        SET failures = 0,
            hold_until = CASE WHEN hold_reason <> '{_UNREACHABLE}' THEN hold_until END,
            hold_reason = CASE WHEN hold_reason <> '{_UNREACHABLE}' THEN hold_reason END
        WHERE failures > 0 AND name IN (SELECT account FROM held WHERE conclusive)
        RETURNING name
    ), wanted AS MATERIALIZED (
        SELECT * FROM json_to_recordset(CAST(:wanted AS json)) AS wanted(
            campaign_id uuid, sequence integer)
    ), due AS (
        SELECT wanted.campaign_id, wanted.sequence, chunk.in_doubt_since, campaign.account,
               account.failures >= {FAILURES_BEFORE_HOLD}
                   AND NOT EXISTS (SELECT FROM reached WHERE name = account.name) AS probing,
               row_number() OVER (PARTITION BY account.name) AS place, clock_timestamp() AS now
        FROM wanted CROSS JOIN LATERAL (
            SELECT state, due_at, in_doubt_since FROM chunk
            WHERE campaign_id = wanted.campaign_id AND sequence = wanted.sequence
            OFFSET 0 FOR NO KEY UPDATE SKIP LOCKED) AS chunk
        JOIN campaign ON campaign.id = wanted.campaign_id
        JOIN account ON account.name = campaign.account
        WHERE chunk.state = 'pending' AND chunk.due_at <= clock_timestamp()
          AND (chunk.in_doubt_since IS NULL
               OR chunk.in_doubt_since + :window > clock_timestamp())
          AND campaign.state = 'running'
          AND (campaign.expires_at IS NULL OR campaign.expires_at > clock_timestamp())
          AND (account.hold_until IS NULL OR account.hold_until <= clock_timestamp())
          AND (chunk.in_doubt_since IS NOT NULL
               OR {few_in_doubt("campaign.id")})
    ), probe AS (
        UPDATE account
        SET hold_until = clock_timestamp() + interval '{_PROBE_HOLD}',
            hold_reason = '{_UNREACHABLE}'
        FROM due
        WHERE due.probing AND due.place = 1 AND account.name = due.account
          AND (account.hold_until IS NULL OR account.hold_until <= clock_timestamp())
        RETURNING account.name
    ), claimed AS (
        UPDATE chunk
        SET state = 'sending', attempt = chunk.attempt + 1, published_at = NULL,
            claimed_at = due.now, claimed_by = :worker, lease_until = due.now + :lease,
            in_doubt_since = coalesce(due.in_doubt_since, due.now)
        FROM due
        WHERE chunk.campaign_id = due.campaign_id AND chunk.sequence = due.sequence
          AND (NOT due.probing
               OR due.place = 1 AND EXISTS (SELECT FROM probe WHERE name = due.account))
        RETURNING chunk.campaign_id, chunk.sequence, chunk.round, chunk.attempt, chunk.pack_id,
            chunk.size, chunk.members, due.in_doubt_since AS in_doubt_before, chunk.claimed_at,
            chunk.in_doubt_since + :window - due.now AS window_left, chunk.corruptions, due.account
    )
    SELECT (SELECT array_agg(place) FROM held) AS recorded, claimed.*
    FROM (SELECT) AS once LEFT JOIN claimed ON true
    """


# Planned once a connection: to plan takes longer than to execute.
_PARAMETERS = {
    "reports": "json",
    "wanted": "json",
    "worker": "text",
    "lease": "interval",
    "window": "interval",
}
_STATEMENTS = {"exchange": _exchange("SKIP LOCKED"), "record": _exchange("")}


def exchange(
    connection: Connection,
    reports: Mapping[int, Report],
    wanted: Iterable[ChunkKey],
    *,
    worker: str,
    lease: timedelta,
    window: timedelta,
) -> Exchanged:
    """Record what attempts came to and take chunks for new ones, all in one statement.

    A chunk that is not among the claims is not ours to send. A report that is not recorded meets a
    chunk that somebody else has locked, or holds by now: `record` tells. The reports' decisions
    concern their chunks only.

    `worker` is the name that the attempt log shows, `lease` how long nobody else may take a chunk,
    `window` the usable part of the vendor's window. The caller commits before a byte is sent.
    """
    values = {"worker": worker, "lease": lease, "window": window}
    return _run(connection, "exchange", reports, wanted, values)


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
# to does where another attempt's proof had ended it. Whom it names goes with the audience.
_LOG_LATE = text("""
UPDATE attempt
SET outcome = :outcome, ended_at = clock_timestamp(), http_status = :http_status, code = :code,
    error = :error,
    (chunk_state, error_details) =
        (SELECT state, CASE WHEN members IS NOT NULL THEN :error_details END FROM chunk
         WHERE campaign_id = :campaign_id AND sequence = :sequence)
WHERE campaign_id = :campaign_id AND sequence = :sequence AND attempt = :attempt
  AND outcome <> :accepted
  AND (:outcome = :accepted OR outcome = :lease_lost AND chunk_state = 'delivered')
""")


def record(connection: Connection, report: Report) -> bool:
    """Write down what one attempt came to; False where another worker holds the chunk by now.

    Waits for a chunk that somebody has locked. An accepted reply of the same round is true whoever
    brings it, and counts even when the lease was lost. The account's hold and the campaign's pause
    are part of the same transaction.
    """
    claim, decision = report.claim, report.decision
    if decision.pause is not None:
        lock(connection, claim.campaign_id)
    attempted = connection.begin_nested()
    if not _run(connection, "record", {0: report}, []).recorded:
        # The row is another's by now: what looked at it has locked it, and the campaign's lock is
        # to come first.
        attempted.rollback()
        return _record_late(connection, report)
    attempted.commit()
    _hold_account(connection, claim.account, report.outcome, decision)
    if decision.pause is not None:
        pause_as_decided(connection, claim.campaign_id, decision, decision.pause)
    return True


def _record_late(connection: Connection, report: Report) -> bool:
    """Log what came after the chunk was taken from this attempt; whether it proves delivery."""
    values = _values(0, report) | {
        "round": report.claim.round,
        "accepted": _ACCEPTED,
        "lease_lost": _LEASE_LOST,
    }
    proven = False
    if isinstance(report.outcome, Accepted):
        lock(connection, report.claim.campaign_id)
        proven = bool(connection.execute(_LATE_PROOF, values).rowcount)
        if proven:
            roll_up(connection, report.claim.campaign_id)
    connection.execute(_LOG_LATE, values)
    return proven


def _run(
    connection: Connection,
    name: str,
    reports: Mapping[int, Report],
    wanted: Iterable[ChunkKey],
    terms: Mapping[str, object] = _NO_TERMS,
) -> Exchanged:
    """Execute one of the prepared statements."""
    prepare(connection, name)
    given = ", ".join(f":{parameter}" for parameter in _PARAMETERS)
    values = {**_bind(reports, wanted), **terms}
    rows = connection.execute(text(f"EXECUTE {name} ({given})"), values).all()
    claims = (Claim(*row[1:]) for row in rows if row.campaign_id is not None)
    return Exchanged(
        frozenset(rows[0].recorded or ()),
        {(claim.campaign_id, claim.sequence): claim for claim in claims},
    )


def prepare(connection: Connection, name: str) -> None:
    """Prepare one of the statements, unless this connection to the server knows it already.

    Its plan is kept, and may have been made when the table was small: rows are found by their keys.
    """
    prepared = connection.info.setdefault("prepared", set())
    if name not in prepared:
        statement = _STATEMENTS[name]
        for place, parameter in enumerate(_PARAMETERS, start=1):
            statement = statement.replace(f":{parameter}", f"${place}")
        connection.exec_driver_sql("SET enable_seqscan = off")
        connection.exec_driver_sql(
            f"PREPARE {name} ({', '.join(_PARAMETERS.values())}) AS {statement}"
        )
        prepared.add(name)


def _bind(reports: Mapping[int, Report], wanted: Iterable[ChunkKey]) -> dict[str, Any]:
    """An exchange's values but for its terms; rows are locked in the order of their keys."""
    listed = [_values(place, report) for place, report in reports.items()]
    listed.sort(key=lambda values: (values["campaign_id"], values["sequence"]))
    keys = [{"campaign_id": key[0], "sequence": key[1]} for key in sorted(set(wanted))]
    return {
        "reports": orjson.dumps(listed).decode(),
        "wanted": orjson.dumps(keys).decode(),
    }


def _values(place: int, report: Report) -> dict[str, Any]:
    claim, outcome, decision = report.claim, report.outcome, report.decision
    accepted = outcome if isinstance(outcome, Accepted) else None
    reason = None if isinstance(outcome, Accepted) else outcome.reason
    return {
        "place": place,
        "campaign_id": claim.campaign_id,
        "sequence": claim.sequence,
        "attempt": claim.attempt,
        "account": claim.account,
        "state": decision.state,
        "in_doubt_since": decision.in_doubt_since,
        "due_in": None if decision.due_in is None else decision.due_in.total_seconds(),
        "corruptions": decision.corruptions,
        "outcome": name_of(outcome),
        "conclusive": is_conclusive(outcome),
        "audience": accepted and accepted.audience,
        "successful": accepted and accepted.successful,
        "erroneous": accepted and accepted.erroneous,
        "error_details": accepted and accepted.error_details,
        "http_status": reason and reason.http_status,
        "code": reason and reason.code,
        "error": reason and reason.message,
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
