"""What a round of publishing has to know of the campaigns that run.

Rounds come five times a second: these are functions, as to plan them would cost more than to
execute them.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row

from dispatcher.books import doubt, fleet, holding
from dispatcher.books.functions import Function
from dispatcher.lifecycle import MOST_DOUBTS

LATEST = 64
"""So many of a campaign's latest attempts are looked at."""

_UNUSUAL = timedelta(seconds=2)
_UNUSUALLY_LONG = 4
"""Times what the last attempts took: what is longer on the wire may not be there at all."""

_IS_DUE = "state = 'pending' AND published_at IS NULL AND due_at <= statement_timestamp()"
_IS_FRESH = f"in_doubt_since IS NULL AND {holding.IN_ITS_ZONE_S_WINDOW}"
# Scalar and in the order of an index: else the planner reads chunks until it meets one that is due.
_HAS_DUE = f"""
coalesce(
    CASE WHEN NOT {holding.IN_WINDOW} THEN NULL WHEN {holding.REST_MAY_BEGIN} THEN
    (SELECT true FROM chunk
     WHERE campaign_id = campaign.id AND {_IS_DUE} AND {_IS_FRESH}
     ORDER BY due_at, sequence LIMIT 1) ELSE
    (SELECT true FROM chunk
     WHERE campaign_id = campaign.id AND {_IS_DUE} AND {_IS_FRESH} AND canary
     ORDER BY due_at, sequence LIMIT 1) END,
    (SELECT true FROM chunk
     WHERE campaign_id = campaign.id AND {_IS_DUE} AND in_doubt_since IS NOT NULL
     ORDER BY in_doubt_since LIMIT 1),
    false)
"""
ANYTHING_DUE = Function(
    "anything_due",
    {},
    {"found": "boolean"},
    f"""
SELECT EXISTS (
    SELECT FROM campaign JOIN account ON account.name = campaign.account
    WHERE {holding.MAY_SEND} AND {_HAS_DUE})
""",
)
CAMPAIGNS = Function(
    "running_campaigns",
    {"slow_start": "interval", "unusual": "interval"},
    {
        "id": "uuid",
        "rate": "double precision",
        "account": "text",
        "failures": "integer",
        "doubts": "integer",
        "waits_in_doubt": "boolean",
        "has_rested": "boolean",
        "doubtful": "boolean",
        "is_stuck": "boolean",
        "has_due": "boolean",
        "in_window": "boolean",
        "awaits_verdict": "boolean",
        "published": "bigint",
        "published_clean": "bigint",
        "sending": "bigint",
        "held": "bigint",
        "sending_clean": "bigint",
        "is_new": "boolean",
        "since": "timestamptz",
        "attempts": "bigint",
        "seconds": "numeric",
        "after_rest": "bigint",
    },
    f"""
SELECT campaign.id, {holding.RATE} AS rate, campaign.account,
    account.failures, account.doubts,
    CASE WHEN account.doubts >= {MOST_DOUBTS} THEN {doubt.waits("account.name")} END
        AS waits_in_doubt,
    {holding.RESTED_LATELY} AS has_rested,
    EXISTS (SELECT FROM chunk WHERE campaign_id = campaign.id
              AND {_IS_DUE} AND in_doubt_since IS NOT NULL) AS doubtful,
    coalesce(statement_timestamp() - sending.oldest > greatest(:unusual, make_interval(
        secs => {_UNUSUALLY_LONG} * last.seconds / nullif(last.attempts, 0))), false) AS is_stuck,
    {_HAS_DUE} AS has_due, {holding.IN_WINDOW} AS in_window, campaign.awaits_verdict,
    published.chunks AS published, published.clean AS published_clean,
    sending.chunks AS sending, sending.held, sending.clean AS sending_clean,
    coalesce(last.ended_at <= resumed_at, true)
        AND coalesce(least(published.since, sending.since)
                     > statement_timestamp() - :slow_start, true) AS is_new,
    greatest(published.latest, sending.latest, last.latest, resumed_at) AS since,
    last.attempts, last.seconds, last.after_rest
FROM campaign
JOIN account ON account.name = campaign.account
CROSS JOIN LATERAL (
    SELECT count(*) AS chunks, count(*) FILTER (WHERE in_doubt_since IS NULL) AS clean,
        min(published_at) AS since,
        max(published_at) FILTER (WHERE published_at <= statement_timestamp()) AS latest
    FROM chunk WHERE campaign_id = campaign.id AND published_at IS NOT NULL) AS published
CROSS JOIN LATERAL (
    SELECT count(*) AS chunks, count(*) FILTER (WHERE in_doubt_since = claimed_at) AS clean,
        count(*) FILTER (WHERE claimed_by IN {fleet.LIVE_WORKERS}) AS held,
        min(claimed_at) AS oldest, min(claimed_at) FILTER (WHERE claimed_at > resumed_at) AS since,
        max(claimed_at) FILTER (WHERE claimed_at <= statement_timestamp()) AS latest
    FROM chunk WHERE campaign_id = campaign.id AND state = 'sending') AS sending
CROSS JOIN LATERAL (
    SELECT count(*) AS attempts, max(ended_at) AS ended_at,
        max(started_at) FILTER (WHERE started_at <= statement_timestamp()) AS latest,
        count(*) FILTER (WHERE started_at > account.throttled_until AND outcome NOT IN (
            'throttled', 'in_doubt', 'not_sent', 'lease_lost')) AS after_rest,
        coalesce(extract(epoch FROM sum(ended_at - started_at)), 0) AS seconds
    FROM (SELECT started_at, ended_at, outcome FROM attempt WHERE campaign_id = campaign.id
          ORDER BY ended_at DESC LIMIT {LATEST}) AS latest) AS last
WHERE {holding.MAY_SEND}
ORDER BY campaign.created_at
""",
)
DUE = Function(
    "count_due",
    {"ids": "uuid[]", "counted_to": "integer[]", "only_canary": "boolean[]"},
    {"doubtful": "bigint", "clean": "bigint"},
    f"""
SELECT (SELECT count(*) FROM (
            SELECT FROM chunk
            WHERE campaign_id = asked.id AND {_IS_DUE} AND in_doubt_since IS NOT NULL
            ORDER BY in_doubt_since LIMIT asked.most) AS doubtful) AS doubtful,
       CASE WHEN asked.canary_alone THEN
       (SELECT count(*) FROM (
            SELECT FROM chunk
            WHERE campaign_id = asked.id AND {_IS_DUE} AND {_IS_FRESH} AND canary
            ORDER BY due_at, sequence LIMIT asked.most) AS clean) ELSE
       (SELECT count(*) FROM (
            SELECT FROM chunk
            WHERE campaign_id = asked.id AND {_IS_DUE} AND {_IS_FRESH}
            ORDER BY due_at, sequence LIMIT asked.most) AS clean) END AS clean
FROM unnest(:ids, :counted_to, :only_canary)
    WITH ORDINALITY AS asked(id, most, canary_alone, place)
ORDER BY place
""",
)
FUNCTIONS = (ANYTHING_DUE, CAMPAIGNS, DUE)


def anything_due(connection: Connection) -> bool:
    """Whether a plan would find a chunk to publish; asked first, as most often there is none."""
    return bool(connection.scalar(ANYTHING_DUE.called))


def campaigns(connection: Connection, slow_start: timedelta) -> Sequence[Row[Any]]:
    """The campaigns that may be sent anything of, the oldest first.

    One is new within `slow_start` of its beginning, as long as no attempt of it has ended.
    """
    values = {"slow_start": slow_start, "unusual": _UNUSUAL}
    return connection.execute(CAMPAIGNS.called, values).all()


def count_due(
    connection: Connection, asked: Sequence[Row[Any]], most: Sequence[int]
) -> Sequence[Row[Any]]:
    """How many chunks of each of these campaigns are due, in doubt and clean: `most` of it each."""
    values = {
        "ids": [campaign.id for campaign in asked],
        "counted_to": list(most),
        "only_canary": [campaign.awaits_verdict for campaign in asked],
    }
    return connection.execute(DUE.called, values).all()
