"""The sum of a campaign's chunks, which the campaign's row repeats."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection

from dispatcher.books.functions import Function
from dispatcher.lifecycle import CODE_NOBODY_FOUND, SETTLED, CampaignState, ChunkState


def _sums_of_members() -> dict[str, str]:
    """Each counter of a campaign's and a variant's row, and the sum over chunks that it repeats."""
    sums = {
        f"members_{state}": f"coalesce(sum(size - withheld) FILTER (WHERE state = '{state}'), 0)"
        for state in SETTLED
    }
    sums["members_remaining"] = (
        "coalesce(sum(size - withheld) FILTER (WHERE state IN ('pending', 'sending')), 0)"
    )
    sums["members_sending"] = "coalesce(sum(size - withheld) FILTER (WHERE state = 'sending'), 0)"
    sums["members_in_doubt"] = (
        "coalesce(sum(size - withheld) FILTER ("
        "WHERE state = 'pending' AND in_doubt_since IS NOT NULL), 0)"
    )
    sums["members_withheld"] = "coalesce(sum(withheld), 0)"
    sums |= {
        f"result_{number}": f"coalesce(sum({number}), 0)"
        for number in ("audience", "successful", "erroneous")
    }
    return sums


def _sums() -> dict[str, str]:
    """The same of a campaign's row alone, and those."""
    sums = {f"chunks_{state}": f"count(*) FILTER (WHERE state = '{state}')" for state in ChunkState}
    return sums | _sums_of_members()


def _lost(name: str, table: str = "campaign") -> str:
    """What was never stored of a campaign that ended: it shares the campaign's end.

    No commit of ours leaves a campaign without its chunks. Where one lacks some nevertheless, its
    numbers could not be written, and so it could not even be cancelled.
    """
    what, _, state = name.partition("_")
    if state not in (CampaignState.CANCELLED, CampaignState.EXPIRED):
        return ""
    lacking = f"greatest({table}.{what}_total - sums.{what}_stored, 0)"
    return f" + CASE WHEN campaign.state = '{state}' THEN {lacking} ELSE 0 END"


_OF_CANARY = "coalesce(sum({}) FILTER (WHERE canary AND {}), 0)"
_OF_GUARD = "coalesce(sum({}) FILTER (WHERE settled_at >= own.guarded_since), 0)"
_TESTED = {
    "canary_remaining": _OF_CANARY.format("sent_to", "state IN ('pending', 'sending')"),
    "canary_lost": _OF_CANARY.format("sent_to", "state IN ('uncounted', 'unresolved')"),
    "canary_measured": _OF_CANARY.format("errors + successes", "true"),
    "canary_errors": _OF_CANARY.format("errors", "true"),
    "guard_measured": _OF_GUARD.format("errors + successes"),
    "guard_errors": _OF_GUARD.format("errors"),
}
"""What a bound on errors is tested by. Whom the vendor did not find says nothing of the message."""
_OUTCOMES = f"""
SELECT canary, state, settled_at, size - withheld AS sent_to,
    CASE WHEN state = 'delivered' THEN successful ELSE 0 END AS successes,
    CASE WHEN state = 'delivered' THEN erroneous
         WHEN state = 'rejected' AND code IS DISTINCT FROM {CODE_NOBODY_FOUND}
             THEN size - withheld ELSE 0 END AS errors
FROM chunk WHERE campaign_id = asked.id AND own.max_error_rate IS NOT NULL
"""
_SUMS, _SUMS_OF_MEMBERS = _sums(), _sums_of_members()
# A function, as it is planned for longer than most campaigns take, each second.
#
# Each campaign's chunks are read by their key, and not the table for all of them; for its variants
# once more, where it has any, and in the same snapshot: so these add up to the campaign's. What is
# tested is read apart, so that a campaign without a bound does not pay for it.
SUM_UP = Function(
    "sum_up_campaigns",
    {"campaign_ids": "uuid[]"},
    {"id": "uuid"},
    f"""
WITH by_variant AS (
    UPDATE variant
    SET {", ".join(f"{name} = sums.{name}{_lost(name, 'variant')}" for name in _SUMS_OF_MEMBERS)}
    FROM (SELECT DISTINCT campaign_id FROM variant
          WHERE campaign_id = ANY(:campaign_ids)) AS asked
    JOIN campaign ON campaign.id = asked.campaign_id
    CROSS JOIN LATERAL (
        SELECT number, coalesce(sum(size), 0) AS members_stored,
               {", ".join(f"{sum_} AS {name}" for name, sum_ in _SUMS_OF_MEMBERS.items())}
        FROM variant AS own LEFT JOIN chunk
            ON chunk.campaign_id = own.campaign_id AND chunk.variant = own.number
        WHERE own.campaign_id = asked.campaign_id GROUP BY number) AS sums
    WHERE variant.campaign_id = asked.campaign_id AND variant.number = sums.number
)
UPDATE campaign
SET {", ".join(f"{name} = sums.{name}{_lost(name)}" for name in _SUMS)},
    {", ".join(f"{name} = tested.{name}" for name in _TESTED)},
    summed_at = statement_timestamp()
FROM unnest(:campaign_ids) AS asked(id)
JOIN campaign AS own ON own.id = asked.id
CROSS JOIN LATERAL (
    SELECT {", ".join(f"{sum_} AS {name}" for name, sum_ in _TESTED.items())}
    FROM ({_OUTCOMES}) AS outcome) AS tested
CROSS JOIN LATERAL (
    SELECT {", ".join(f"{sum_} AS {name}" for name, sum_ in _SUMS.items())},
        count(*) AS chunks_stored, coalesce(sum(size), 0) AS members_stored
    FROM chunk WHERE campaign_id = asked.id) AS sums
WHERE campaign.id = asked.id
RETURNING campaign.id
""",
)


def sum_up(connection: Connection, campaign_ids: Sequence[UUID]) -> None:
    """Write the sums of their chunks on these campaigns' rows, which the caller has locked."""
    connection.execute(SUM_UP.called, {"campaign_ids": list(campaign_ids)})
