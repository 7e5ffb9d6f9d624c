"""Claims and records: one statement for what many attempts came to and which chunks come next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection

from dispatcher.books.doubt import few_in_doubt
from dispatcher.books.functions import Function
from dispatcher.lifecycle import (
    FAILURES_BEFORE_HOLD,
    Accepted,
    ChunkFacts,
    Decision,
    NotSent,
    Outcome,
    is_conclusive,
    name_of,
)

UNREACHABLE = "the Push API cannot be reached"
"""Why an account rests that no attempt could be sent for."""

_PROBE_HOLD = "5 s"
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
            hold_until = CASE WHEN hold_reason <> '{UNREACHABLE}' THEN hold_until END,
            hold_reason = CASE WHEN hold_reason <> '{UNREACHABLE}' THEN hold_reason END
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
            hold_reason = '{UNREACHABLE}'
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


_PARAMETERS = {
    "reports": "json",
    "wanted": "json",
    "worker": "text",
    "lease": "interval",
    "window": "interval",
}
_COLUMNS = {
    "recorded": "integer[]",
    "campaign_id": "uuid",
    "sequence": "integer",
    "round": "integer",
    "attempt": "integer",
    "pack_id": "text",
    "size": "integer",
    "members": "text",
    "in_doubt_before": "timestamptz",
    "claimed_at": "timestamptz",
    "window_left": "interval",
    "corruptions": "integer",
    "account": "text",
}
_EXCHANGE = Function("exchange_chunks", _PARAMETERS, _COLUMNS, _exchange("SKIP LOCKED"))
_RECORD = Function("record_chunk", _PARAMETERS, _COLUMNS, _exchange(""))
FUNCTIONS = (_EXCHANGE, _RECORD)
"""What the database has to have. To plan them takes longer than to execute them."""

_GIVEN = ", ".join(f"%({name})s::{kind}" for name, kind in _PARAMETERS.items())


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
    return _run(connection, _EXCHANGE, reports, wanted, values)


def record_alone(connection: Connection, report: Report) -> bool:
    """Record one attempt, and wait for its chunk where somebody has locked that.

    False where the chunk is not this attempt's any more; it stays locked then.
    """
    return bool(_run(connection, _RECORD, {0: report}, []).recorded)


def _run(
    connection: Connection,
    function: Function,
    reports: Mapping[int, Report],
    wanted: Iterable[ChunkKey],
    terms: Mapping[str, object] = _NO_TERMS,
) -> Exchanged:
    values = {**_bind(reports, wanted), **terms}
    called = f"SELECT * FROM {function.name}({_GIVEN})"
    rows = connection.exec_driver_sql(called, values).all()
    claims = (Claim(*row[1:]) for row in rows if row.campaign_id is not None)
    return Exchanged(
        frozenset(rows[0].recorded or ()),
        {(claim.campaign_id, claim.sequence): claim for claim in claims},
    )


def _bind(reports: Mapping[int, Report], wanted: Iterable[ChunkKey]) -> dict[str, Any]:
    """An exchange's values but for its terms; rows are locked in the order of their keys."""
    listed = [{"place": place, **values_of(report)} for place, report in reports.items()]
    listed.sort(key=lambda values: (values["campaign_id"], values["sequence"]))
    keys = [{"campaign_id": key[0], "sequence": key[1]} for key in sorted(set(wanted))]
    return {
        "reports": orjson.dumps(listed).decode(),
        "wanted": orjson.dumps(keys).decode(),
    }


def values_of(report: Report) -> dict[str, Any]:
    """What a report writes into the books, by the names that the statements give it."""
    claim, outcome, decision = report.claim, report.outcome, report.decision
    accepted = outcome if isinstance(outcome, Accepted) else None
    reason = None if isinstance(outcome, Accepted) else outcome.reason
    return {
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
