"""Checking a campaign's books from the rows alone: every rule, and what breaks it."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from dispatcher.books.session import allow_long_statements


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule of the books that does not hold, how often, and where first."""

    rule: str
    violations: int
    example: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the books came to: the rules that were checked, and what is wrong.

    Where the audience is no longer kept, the rules about members hold for what is left of it; they
    are not checked where the database's role may not read members (`members_read`).
    """

    campaign: str
    audience_kept: bool
    members_read: bool
    checked: tuple[str, ...]
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        """The document of `verify --json`."""
        return {"sound": not self.findings, **asdict(self)}


# Each gives a row for every violation: a chunk's sequence, or words about the campaign.
_RULES: dict[str, TextClause] = {
    "the chunks are numbered without a gap, as many as the campaign counts": text("""
        SELECT 'chunks ' || count(*) || ' of ' || campaign.chunks_total AS example
        FROM campaign LEFT JOIN chunk ON chunk.campaign_id = campaign.id
        WHERE campaign.id = :campaign_id
        GROUP BY campaign.id
        HAVING count(chunk.sequence) <> chunks_total OR max(sequence) <> chunks_total
    """),
    "every chunk holds as many members as its size says": text("""
        SELECT 'chunk ' || sequence AS example
        FROM chunk JOIN campaign ON campaign.id = chunk.campaign_id
        WHERE campaign_id = :campaign_id AND sequence > purged_to
          AND json_array_length(members::json) IS DISTINCT FROM size - withheld
    """),
    "nothing is left of an audience that is no longer kept": text("""
        SELECT 'chunk ' || sequence AS example
        FROM chunk JOIN campaign ON campaign.id = chunk.campaign_id
        WHERE campaign_id = :campaign_id AND sequence <= purged_to AND members IS NOT NULL
    """),
    "every member is in exactly one chunk": text("""
        SELECT 'chunks ' || min(sequence) || ' and ' || max(sequence) AS example
        FROM (SELECT sequence, coalesce('token ' || (member ->> 'token'), member::text) AS identity
              FROM chunk, json_array_elements(members::json) AS member
              WHERE campaign_id = :campaign_id AND member::text <> '{}') AS listed
        GROUP BY identity HAVING count(*) > 1
    """),
    "the members of the chunks add up to the campaign's": text("""
        SELECT sum(size) || ' of ' || members_total AS example
        FROM campaign JOIN chunk ON chunk.campaign_id = campaign.id
        WHERE campaign.id = :campaign_id
        GROUP BY campaign.id HAVING sum(size) <> members_total
    """),
    "the members of the canary's chunks are as many as it has": text("""
        SELECT count(*) || ' chunks' AS example
        FROM campaign JOIN chunk ON chunk.campaign_id = campaign.id
        WHERE campaign.id = :campaign_id
        GROUP BY campaign.id
        HAVING coalesce(sum(size) FILTER (WHERE canary), 0) <> coalesce(canary_members, 0)
    """),
    "every attempt that ended is in the log, once": text("""
        SELECT 'chunk ' || chunk.sequence AS example
        FROM chunk LEFT JOIN attempt USING (campaign_id, sequence)
        WHERE chunk.campaign_id = :campaign_id
        GROUP BY chunk.campaign_id, chunk.sequence
        HAVING count(attempt.attempt) <> chunk.attempt - (chunk.state = 'sending')::int
            OR coalesce(max(attempt.attempt), 0) > chunk.attempt
    """),
    "no chunk was accepted twice under one pack_id": text("""
        SELECT 'chunk ' || sequence AS example FROM attempt
        WHERE campaign_id = :campaign_id AND outcome = 'accepted'
        GROUP BY sequence, round HAVING count(*) > 1
    """),
    "every delivered chunk has an accepted attempt, and no other has one": text("""
        SELECT 'chunk ' || chunk.sequence AS example FROM chunk
        WHERE campaign_id = :campaign_id AND (state = 'delivered') <> EXISTS (
            SELECT FROM attempt
            WHERE attempt.campaign_id = chunk.campaign_id AND attempt.sequence = chunk.sequence
              AND attempt.round = chunk.round AND outcome = 'accepted')
    """),
    # Or it is a part of one that was accepted after all.
    "every uncounted chunk has an attempt whose answer was that it had been sent": text("""
        SELECT 'chunk ' || chunk.sequence AS example FROM chunk
        WHERE campaign_id = :campaign_id AND state = 'uncounted' AND NOT EXISTS (
            SELECT FROM attempt
            WHERE attempt.campaign_id = chunk.campaign_id AND attempt.sequence = chunk.sequence
              AND attempt.round = chunk.round AND outcome = 'already_sent'
        ) AND NOT EXISTS (
            SELECT FROM part JOIN part AS whole USING (campaign_id, origin)
            JOIN attempt ON attempt.campaign_id = whole.campaign_id
                AND attempt.sequence = whole.sequence AND attempt.round = whole.round
            WHERE part.campaign_id = chunk.campaign_id AND part.sequence = chunk.sequence
              AND part.round = chunk.round AND whole.refused AND outcome = 'accepted')
    """),
    "no attempt began after the window of an earlier one in doubt": text("""
        SELECT 'chunk ' || later.sequence || ', attempt ' || later.attempt AS example
        FROM attempt AS later JOIN attempt AS earlier USING (campaign_id, sequence, round)
        WHERE campaign_id = :campaign_id AND earlier.attempt < later.attempt
          AND earlier.outcome IN ('in_doubt', 'lease_lost')
          AND later.started_at > earlier.started_at + :window
    """),
    "every pack_id is that of its campaign, chunk and round": text("""
        SELECT 'chunk ' || sequence AS example FROM chunk
        WHERE campaign_id = :campaign_id
          AND pack_id <> campaign_id::text || '-' || sequence || '-' || round
    """),
    "what has ended has nothing left to send": text("""
        SELECT 'chunk ' || chunk.sequence AS example
        FROM chunk JOIN campaign ON campaign.id = chunk.campaign_id
        WHERE campaign.id = :campaign_id AND campaign.finished_at IS NOT NULL
          AND chunk.state IN ('pending', 'sending')
    """),
    "the campaign's numbers are the sums of its chunks": text("""
        SELECT state || ' chunks' AS example
        FROM campaign
        JOIN (SELECT campaign_id, count(*) FILTER (WHERE state = 'delivered') AS delivered,
                     count(*) FILTER (WHERE state = 'uncounted') AS uncounted,
                     count(*) FILTER (WHERE state = 'rejected') AS rejected,
                     count(*) FILTER (WHERE state = 'unresolved') AS unresolved,
                     count(*) FILTER (WHERE state = 'expired') AS expired,
                     count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
                     count(*) FILTER (WHERE state = 'withheld') AS withheld,
                     sum(withheld) AS members_withheld,
                     coalesce(sum(audience), 0) AS audience,
                     coalesce(sum(successful), 0) AS successful,
                     coalesce(sum(erroneous), 0) AS erroneous
              FROM chunk WHERE campaign_id = :campaign_id GROUP BY campaign_id) AS sums
          ON sums.campaign_id = campaign.id
        WHERE campaign.finished_at IS NOT NULL
          AND (delivered, uncounted, rejected, unresolved, expired, cancelled,
               sums.withheld, sums.members_withheld, audience, successful, erroneous)
              IS DISTINCT FROM
              (chunks_delivered, chunks_uncounted, chunks_rejected, chunks_unresolved,
               chunks_expired, chunks_cancelled,
               chunks_withheld, campaign.members_withheld,
               result_audience, result_successful, result_erroneous)
    """),
    "every chunk gets one of the campaign's variants, where it has any": text("""
        SELECT 'chunk ' || chunk.sequence AS example
        FROM chunk LEFT JOIN variant
            ON variant.campaign_id = chunk.campaign_id AND variant.number = chunk.variant
        WHERE chunk.campaign_id = :campaign_id
          AND (variant.number IS NULL) = EXISTS (
              SELECT FROM variant WHERE campaign_id = :campaign_id)
    """),
    "the members of a variant's chunks add up to the variant's": text("""
        SELECT 'variant ' || name AS example
        FROM variant LEFT JOIN chunk
            ON chunk.campaign_id = variant.campaign_id AND chunk.variant = variant.number
        WHERE variant.campaign_id = :campaign_id
        GROUP BY variant.campaign_id, variant.number
        HAVING coalesce(sum(size), 0) <> members_total
    """),
    "the numbers of the variants add up to the campaign's": text("""
        SELECT 'members ' || sum(variant.members_total) || ' of ' || campaign.members_total
                   AS example
        FROM campaign JOIN variant ON variant.campaign_id = campaign.id
        WHERE campaign.id = :campaign_id
        GROUP BY campaign.id
        HAVING (sum(variant.members_total), sum(variant.members_remaining),
                sum(variant.members_sending), sum(variant.members_in_doubt),
                sum(variant.members_delivered), sum(variant.members_uncounted),
                sum(variant.members_rejected), sum(variant.members_unresolved),
                sum(variant.members_expired), sum(variant.members_cancelled),
                sum(variant.members_withheld),
                sum(variant.result_audience), sum(variant.result_successful),
                sum(variant.result_erroneous))
            IS DISTINCT FROM
               (campaign.members_total, campaign.members_remaining,
                campaign.members_sending, campaign.members_in_doubt,
                campaign.members_delivered, campaign.members_uncounted,
                campaign.members_rejected, campaign.members_unresolved,
                campaign.members_expired, campaign.members_cancelled,
                campaign.members_withheld,
                campaign.result_audience, campaign.result_successful, campaign.result_erroneous)
    """),
}
_ABOUT_MEMBERS = frozenset(
    (
        "every chunk holds as many members as its size says",
        "nothing is left of an audience that is no longer kept",
        "every member is in exactly one chunk",
    )
)
_MAY_READ = text("SELECT has_column_privilege('chunk', 'members', 'SELECT')")
_AUDIENCE_KEPT = text("SELECT purged_to = 0 FROM campaign WHERE id = :campaign_id")
_COUNTED = "SELECT count(*) AS violations, min(example) AS example FROM ({rule}) AS violated"


def verify(connection: Connection, campaign_id: UUID, window: timedelta) -> Verdict:
    """Check the campaign's books from the rows alone; every rule, with what breaks it.

    `window` is the vendor's whole window. The campaign may be running: then its sums, which are
    renewed once a second, are not compared.
    """
    allow_long_statements(connection)
    members_read = bool(connection.scalar(_MAY_READ))
    checked = tuple(rule for rule in _RULES if members_read or rule not in _ABOUT_MEMBERS)
    findings = []
    for rule in checked:
        counted = text(_COUNTED.format(rule=_RULES[rule].text))
        row = connection.execute(counted, {"campaign_id": campaign_id, "window": window}).one()
        if row.violations:
            findings.append(Finding(rule, row.violations, row.example))
    kept = connection.execute(_AUDIENCE_KEPT, {"campaign_id": campaign_id}).scalar_one()
    return Verdict(str(campaign_id), kept, members_read, checked, tuple(findings))
