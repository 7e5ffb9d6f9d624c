"""Claims and records: one statement for what many attempts came to and which chunks come next."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

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
Place = tuple[datetime, int]
"""Where a chunk stands in its campaign's order: when it is due, and its number."""


@dataclass(frozen=True, slots=True)
class Further:
    """At most so many more fresh chunks of a campaign, those that come next from `start` on.

    Without it they are looked for from the first on.
    """

    campaign_id: UUID
    most: int
    start: Place | None = None


class Members:
    """Whom a claim is for, as JSON, until who has sent it lets go of it: the books have it, too."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text: str | None = text

    def let_go(self) -> None:
        """Hold it no longer; `members_again` reads it."""
        self.text = None


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
    members: Members = field(repr=False)
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
    """Which of the reports were recorded, by their places, and which chunks were claimed.

    `reached` is the place of the last chunk that was claimed as a further one, by its campaign.
    """

    recorded: frozenset[int]
    claims: dict[ChunkKey, Claim]
    reached: dict[UUID, Place]


_GIVEN = ", ".join(f"%({name})s::{kind}" for name, kind in PARAMETERS.items())


def exchange(
    connection: Connection,
    reports: Mapping[int, Report],
    wanted: Iterable[ChunkKey],
    further: Iterable[Further] = (),
    *,
    worker: str,
    lease: timedelta,
    window: timedelta,
    beat: int = 0,
) -> Exchanged:
    """Record what attempts came to and take chunks for new ones, all in one statement.

    A chunk that is not among the claims is not ours to send. A report that is not recorded meets a
    chunk that somebody else has locked, or holds by now: `record` tells. The reports' decisions
    concern their chunks only. Of what is `further`, of campaigns each of which is named once, there
    may be fewer chunks, and is none while an account has trouble or where a rate holds.

    `worker` is the name that the attempt log shows, `lease` how long nobody else may take a chunk,
    `window` the usable part of the vendor's window, `beat` the least that the books have to be at,
    or else they are an older copy. The caller commits before a byte is sent.
    """
    values = {"worker": worker, "lease": lease, "window": window, "beat": beat}
    return _run(connection, EXCHANGE, reports, wanted, further, values)


def record_alone(connection: Connection, report: Report) -> bool:
    """Record one attempt, and wait for its chunk where somebody has locked that.

    False where the chunk is not this attempt's any more; it stays locked then.
    """
    return bool(_run(connection, RECORD, {0: report}).recorded)


_MEMBERS = text("""
SELECT members FROM chunk
WHERE campaign_id = :campaign_id AND sequence = :sequence AND round = :round
  AND (state = 'sending' OR state = 'pending' AND in_doubt_since IS NOT NULL)
""")


def members_again(connection: Connection, claim: Claim) -> str | None:
    """The members of a request that has left, while its chunk has to keep them; None afterwards."""
    key = {"campaign_id": claim.campaign_id, "sequence": claim.sequence, "round": claim.round}
    found: str | None = connection.scalar(_MEMBERS, key)
    return found


def _run(
    connection: Connection,
    function: Function,
    reports: Mapping[int, Report],
    wanted: Iterable[ChunkKey] = (),
    further: Iterable[Further] = (),
    terms: Mapping[str, object] = _NO_TERMS,
) -> Exchanged:
    keys = set(wanted)
    values = {**_bind(reports, keys, further), **terms}
    called = f"SELECT * FROM {function.name}({_GIVEN})"
    rows = connection.exec_driver_sql(called, values).all()
    found = Exchanged(frozenset(rows[0].recorded or ()), {}, {})
    for row in rows:
        if row.campaign_id is not None:
            fields = [*row[1:7], Members(row.members), *row[8:-1]]
            claim = Claim(*fields)
            key, place = (claim.campaign_id, claim.sequence), (row.due_at, claim.sequence)
            found.claims[key] = claim
            if key not in keys:
                found.reached[key[0]] = max(place, found.reached.get(key[0], place))
    return found


def _bind(
    reports: Mapping[int, Report], wanted: Collection[ChunkKey], further: Iterable[Further]
) -> dict[str, Any]:
    """An exchange's values but for its terms; rows are locked in the order of their keys."""
    listed = [{"place": place, **values_of(report)} for place, report in reports.items()]
    listed.sort(key=lambda values: (values["campaign_id"], values["sequence"]))
    keys = [{"campaign_id": key[0], "sequence": key[1]} for key in sorted(wanted)]
    doubtful = {report.claim.account for report in reports.values() if _is_doubtful(report)}
    return {
        "doubtful": sorted(doubtful),
        "reports": orjson.dumps(listed).decode(),
        "wanted": orjson.dumps(keys).decode(),
        "further": orjson.dumps([_bounds(each) for each in further]).decode(),
    }


def _bounds(further: Further) -> dict[str, Any]:
    due_at, sequence = further.start or ("-infinity", 0)
    return {
        "campaign_id": further.campaign_id,
        "most": further.most,
        "from_due_at": due_at,
        "from_sequence": sequence,
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
