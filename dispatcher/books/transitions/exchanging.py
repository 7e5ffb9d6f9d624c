"""Claims and records: one statement for what many attempts came to and which chunks come next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection

from dispatcher.books.functions import Function
from dispatcher.books.transitions.statements import EXCHANGE, PARAMETERS, RECORD
from dispatcher.lifecycle import (
    Accepted,
    ChunkFacts,
    Decision,
    InDoubt,
    NotSent,
    Outcome,
    is_conclusive,
    name_of,
    proves_something,
)

_NO_TERMS = {"worker": None, "lease": None, "window": None, "beat": None}

ChunkKey = tuple[UUID, int]
"""A campaign's id and the number of one of its chunks."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make one attempt at a chunk until its lease ends.

    The attempt has to begin within `time_left`: of the vendor's window, and of the campaign's for a
    fresh chunk. Nothing else of its account begins while a claim is `probing`. `variant` is the
    number of the text that its members get, where there are several. What is `unscreened` is not
    sent before its members are looked up in the standing list.
    """

    campaign_id: UUID
    sequence: int
    round: int
    attempt: int
    pack_id: str
    size: int
    members: str = field(repr=False)
    in_doubt_before: datetime | None
    claimed_at: datetime
    time_left: timedelta
    corruptions: int
    account: str
    probing: bool = False
    variant: int | None = None
    unscreened: bool = False

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
        """Whether the account's rest, or the campaign's pause, is for the same transaction."""
        return (
            self.claim.probing
            or isinstance(self.outcome, NotSent)
            or self.decision.hold is not None
            or self.decision.throttled
            or self.decision.pause is not None
        )


@dataclass(frozen=True, slots=True)
class Exchanged:
    """Which of the reports were recorded, by their places, and which chunks were claimed."""

    recorded: frozenset[int]
    claims: dict[ChunkKey, Claim]


_GIVEN = ", ".join(f"%({name})s::{kind}" for name, kind in PARAMETERS.items())


def exchange(
    connection: Connection,
    reports: Mapping[int, Report],
    wanted: Iterable[ChunkKey],
    *,
    worker: str,
    lease: timedelta,
    window: timedelta,
    beat: int = 0,
) -> Exchanged:
    """Record what attempts came to and take chunks for new ones, all in one statement.

    A chunk that is not among the claims is not ours to send. A report that is not recorded meets a
    chunk that somebody else has locked, or holds by now: `record` tells. The reports' decisions
    concern their chunks only.

    `worker` is the name that the attempt log shows, `lease` how long nobody else may take a chunk,
    `window` the usable part of the vendor's window, `beat` the least that the books have to be at,
    or else they are an older copy. The caller commits before a byte is sent.
    """
    values = {"worker": worker, "lease": lease, "window": window, "beat": beat}
    return _run(connection, EXCHANGE, reports, wanted, values)


def record_alone(connection: Connection, report: Report) -> bool:
    """Record one attempt, and wait for its chunk where somebody has locked that.

    False where the chunk is not this attempt's any more; it stays locked then.
    """
    return bool(_run(connection, RECORD, {0: report}, []).recorded)


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
    doubtful = {report.claim.account for report in reports.values() if _is_doubtful(report)}
    return {
        "doubtful": sorted(doubtful),
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
        "proven": proves_something(outcome),
        "doubtful": _is_doubtful(report),
        "audience": accepted and accepted.audience,
        "successful": accepted and accepted.successful,
        "erroneous": accepted and accepted.erroneous,
        "error_details": accepted and accepted.error_details,
        "http_status": reason and reason.http_status,
        "code": reason and reason.code,
        "error": reason and reason.message,
    }


def _is_doubtful(report: Report) -> bool:
    return isinstance(report.outcome, InDoubt)
