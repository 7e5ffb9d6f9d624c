"""Chunks that the vendor refused, as it seems for one user alone: divided until that user is found.

The refused chunk's row keeps some of its members, and a new row takes the others. Both are sent
under pack_ids that no request had, as a refusal for the content proves that nothing was sent. Where
the whole chunk turns out to have been accepted all the same, nothing more is sent of its parts. The
caller holds the campaign's row.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from dispatcher.books.transitions.exchanging import Claim, Report
from dispatcher.books.transitions.pausing import pause_itself
from dispatcher.lifecycle import (
    LIVE_CAMPAIGNS,
    MOST_CULPRITS,
    CampaignState,
    CampaignWrong,
    ChunkState,
    Decision,
    Isolation,
    Suspects,
    isolate,
)

# Parts that were halved as often share no member, or have lost whoever was found: each refusal of
# one of them is due to a culprit of its own.
_FACTS = text("""
SELECT size - withheld AS members, part.origin IS NOT NULL AS is_part, divided.*,
       (SELECT count(*) FROM part AS other
        WHERE other.origin = divided.origin AND other.refused
          AND other.halvings = divided.halvings) AS culprits_before,
       EXISTS (SELECT FROM part AS other WHERE other.origin = divided.origin AND other.refused
               GROUP BY other.halvings HAVING count(*) > :most) AS given_up,
       EXISTS (SELECT FROM chunk AS other
               WHERE other.campaign_id = :campaign_id AND other.state IN ('delivered', 'uncounted'))
           AS delivered
FROM chunk LEFT JOIN part USING (campaign_id, sequence, round)
CROSS JOIN LATERAL (SELECT coalesce(part.origin, pack_id) AS origin,
                           coalesce(part.halvings, 0) AS halvings) AS divided
WHERE campaign_id = :campaign_id AND sequence = :sequence
  AND state = 'sending' AND attempt = :attempt
""")
_ELSEWHERE = text("""
SELECT coalesce(sum(culprits), 0) FROM (
    SELECT max(culprits) AS culprits FROM (
        SELECT origin, count(*) AS culprits FROM part
        WHERE campaign_id = :campaign_id AND refused AND origin <> :origin
        GROUP BY origin, halvings) AS level
    GROUP BY origin) AS refused
""")
_NOTE_REFUSAL = text("""
INSERT INTO part (campaign_id, sequence, round, origin, halvings, refused, culprit)
VALUES (:campaign_id, :sequence, :round, :origin, :halvings, true, :alone)
ON CONFLICT (campaign_id, sequence, round)
    DO UPDATE SET refused = true, culprit = excluded.culprit
""")
_SHARED = ("due_at", "variant", "zone", "closes_at", "canary")
# No member's text is a value of the statement: it would stand in logs. Both parts go before what
# is fresh, so that a wrong message shows early; what had been withheld stays with the first.
_DIVIDE = text(f"""
WITH divided AS (
    SELECT '[' || string_agg(member, ',' ORDER BY place) FILTER (WHERE stays) || ']' AS kept,
           '[' || string_agg(member, ',' ORDER BY place) FILTER (WHERE NOT stays) || ']' AS others,
           count(*) FILTER (WHERE NOT stays) AS gone
    FROM (SELECT CAST(member AS text), place, place > :after AND place <= :until AS stays
          FROM chunk, json_array_elements(CAST(members AS json))
               WITH ORDINALITY AS listed(member, place)
          WHERE campaign_id = :campaign_id AND sequence = :sequence) AS listed
), campaign AS (
    UPDATE campaign SET chunks_total = chunks_total + 1, chunks_pending = chunks_pending + 1
    WHERE id = :campaign_id
    RETURNING chunks_total, created_at
), first AS (
    UPDATE chunk
    SET members = kept, size = size - gone, round = round + 1, lost_leases = 0, corruptions = 0,
        due_at = created_at - interval '1 hour',
        http_status = CASE WHEN :alone THEN http_status END,
        code = CASE WHEN :alone THEN code END, error = CASE WHEN :alone THEN error END
    FROM divided, campaign
    WHERE campaign_id = :campaign_id AND sequence = :sequence
    RETURNING campaign_id, sequence, round, {", ".join(_SHARED)}
), second AS (
    INSERT INTO chunk (campaign_id, sequence, size, members, {", ".join(_SHARED)})
    SELECT campaign_id, chunks_total, gone, others, {", ".join(_SHARED)}
    FROM first, divided, campaign
    RETURNING campaign_id, sequence, round
)
INSERT INTO part (campaign_id, sequence, round, origin, parent, halvings, culprit)
SELECT campaign_id, sequence, round, :origin, :parent, :halvings, :alone FROM first
UNION ALL
SELECT campaign_id, sequence, round, :origin, :parent, :halvings, false FROM second
""")
# Those that may be sent yet, or again, or are said to have reached nobody. Where an older version
# divided, parts name no parent: then all of the family are the first request's.
_PARTS = text("""
WITH RECURSIVE family AS (
    SELECT * FROM part
    WHERE origin = (SELECT origin FROM part
                    WHERE campaign_id = :campaign_id AND sequence = :sequence AND round = :round)
), below AS (
    SELECT campaign_id, sequence, round FROM family WHERE :pack_id IN (parent, origin)
    UNION
    SELECT family.campaign_id, family.sequence, family.round
    FROM family JOIN below ON family.parent = concat_ws('-', below.campaign_id, below.sequence,
                                                        below.round)
)
SELECT sequence FROM chunk JOIN below USING (campaign_id, sequence, round)
WHERE members IS NOT NULL
  AND state IN ('pending', 'sending', 'rejected', 'unresolved', 'expired')
ORDER BY sequence FOR NO KEY UPDATE OF chunk
""")
_SETTLE = text("""
WITH overtaken AS (
    INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at, outcome,
                         chunk_state, error)
    SELECT campaign_id, sequence, attempt, round, claimed_by, claimed_at, 'lease_lost', 'uncounted',
           'The chunk that it is a part of was proven to be accepted'
    FROM chunk
    WHERE campaign_id = :campaign_id AND sequence = ANY(:sequences) AND state = 'sending'
)
UPDATE chunk
SET state = 'uncounted', published_at = NULL, lease_until = NULL,
    settled_at = coalesce(settled_at, clock_timestamp()),
    http_status = NULL, code = NULL, error = NULL
WHERE campaign_id = :campaign_id AND sequence = ANY(:sequences)
""")


@dataclass(frozen=True, slots=True)
class Division:
    """How to go on with a refused chunk, and the report to record of it: of what its row keeps.

    `origin` is the pack_id of the request that was refused before any part of the chunk was, and
    `halvings` how often the chunk was halved since. `kept` are the places of the members whom the
    chunk's row keeps, where others get another one. `pause` says why the chunk is given up.
    """

    report: Report
    how: Isolation
    origin: str
    halvings: int
    kept: range
    pause: str


def divided(connection: Connection, report: Report, state: CampaignState) -> Division | None:
    """How to go on with a chunk that may have been refused for one of its members alone.

    None where that goes as ever; so it does in a campaign that has ended, as `state` says, which
    sends no more, and with a chunk that another attempt has by now.
    """
    outcome, may_divide = report.outcome, report.decision.may_divide
    if not (may_divide and isinstance(outcome, CampaignWrong) and state in LIVE_CAMPAIGNS):
        return None
    values = {**_key(report), "most": MOST_CULPRITS}
    facts = connection.execute(_FACTS, values).one_or_none()
    if facts is None:
        return None
    culprit = outcome.reason.culprit
    # While nothing was delivered and nobody is quoted, the message may be what is wrong.
    of_all_chunks = not facts.delivered and culprit is None
    elsewhere = _elsewhere(connection, values, facts.origin) if of_all_chunks else 0
    how = isolate(_suspects(facts, elsewhere, quotes=culprit is not None))
    kept = range(0)
    if how is Isolation.HALVE:
        report = replace(report, decision=Decision(ChunkState.PENDING, due_in=timedelta(0)))
        kept = range((facts.members + 1) // 2)
    elif how is Isolation.TAKE_OUT and culprit is not None:
        report = replace(report, claim=replace(report.claim, size=1))
        kept = range(culprit, culprit + 1)
    as_ever = how is Isolation.AS_EVER
    pause = f"{_words(of_all_chunks)} {report.decision.pause}"
    return None if as_ever else Division(report, how, facts.origin, facts.halvings, kept, pause)


def _elsewhere(connection: Connection, values: dict[str, object], origin: str) -> int:
    """How many culprits the campaign's other chunks are known to have, at least."""
    return int(connection.execute(_ELSEWHERE, values | {"origin": origin}).scalar_one())


def _suspects(facts: Row[Any], elsewhere: int, *, quotes: bool) -> Suspects:
    return Suspects(
        members=facts.members,
        quotes=quotes,
        is_part=facts.is_part,
        culprits=facts.culprits_before + 1 + elsewhere,
        given_up=facts.given_up,
    )


def _words(of_all_chunks: bool) -> str:
    which = "before anything was delivered" if of_all_chunks else "in one chunk"
    return (
        f"More than {MOST_CULPRITS} users were refused {which}: the message or the list is wrong."
    )


def divide(connection: Connection, division: Division) -> None:
    """Divide the chunk, or give it up, once the refusal is recorded."""
    claim, how, kept = division.report.claim, division.how, division.kept
    part = {**_key(division.report), "round": claim.round, "origin": division.origin}
    part["parent"] = claim.pack_id
    refused = {"halvings": division.halvings, "alone": how is Isolation.ALONE}
    connection.execute(_NOTE_REFUSAL, part | refused)
    if kept:
        values = {
            "after": kept.start,
            "until": kept.stop,
            "halvings": division.halvings + (how is Isolation.HALVE),
            "alone": how is Isolation.TAKE_OUT,
        }
        connection.execute(_DIVIDE, part | values)
    elif how is Isolation.GIVE_UP:
        pause_itself(connection, claim.campaign_id, division.pause)


def settle_parts(connection: Connection, claim: Claim) -> bool:
    """Send nothing more of what a chunk was divided into, as it was accepted before; whether any.

    Its parts are those that it was divided into, and what became of these. The vendor's numbers are
    of the whole chunk, so theirs are lost.
    """
    key = {"campaign_id": claim.campaign_id, "sequence": claim.sequence, "round": claim.round}
    parts = list(connection.scalars(_PARTS, key | {"pack_id": claim.pack_id}))
    if parts:
        connection.execute(_SETTLE, {"campaign_id": claim.campaign_id, "sequences": parts})
    return bool(parts)


def _key(report: Report) -> dict[str, object]:
    claim = report.claim
    return {
        "campaign_id": claim.campaign_id,
        "sequence": claim.sequence,
        "attempt": claim.attempt,
    }
