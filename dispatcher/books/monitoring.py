"""What the books come to at one moment, for a monitoring system: numbers, and no names."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, text

from dispatcher.books import accounts, fleet, outbox
from dispatcher.books.fleet import Strength
from dispatcher.books.holding import (
    BY_ZONE,
    FRESH,
    IN_ITS_ZONE_S_WINDOW,
    IN_WINDOW,
    MAY_SEND,
    RATE,
    REST_MAY_BEGIN,
    held,
)
from dispatcher.books.outbox import Troubles
from dispatcher.lifecycle import CampaignState, ChunkState

RECENTLY = timedelta(hours=1)
"""For so long after its end a campaign's members are still among the unresolved ones."""


@dataclass(frozen=True, slots=True)
class Due:
    """What may be sent at once.

    `oldest` is for how long the longest waiting chunk has been due, and its campaign and account
    free; `stalled` for how long a campaign with something due has got nowhere.
    """

    chunks: int
    oldest: timedelta
    stalled: timedelta


@dataclass(frozen=True, slots=True)
class Doubt:
    """Chunks that may have been sent and are to be asked about again.

    `time_left` is what remains of the vendor's window of the oldest; None where there is none.
    """

    chunks: int
    time_left: timedelta | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The books of all campaigns together.

    `campaigns` counts all by state, `chunks` those of live campaigns; `held` counts live campaigns
    by what holds them, `paused_themselves` those that paused with a reason. `account_holds` says
    how much longer each account rests.
    """

    campaigns: Mapping[str, int]
    chunks: Mapping[str, int]
    due: Due
    doubt: Doubt
    unresolved_members: int
    held: Mapping[str, int]
    paused_themselves: int
    account_holds: Mapping[str, timedelta]
    webhooks: Troubles
    fleet: Strength


_CAMPAIGNS = text("SELECT state, count(*) AS campaigns FROM campaign GROUP BY state")
_LIVE = text("""
SELECT id, state = 'paused' AND reason IS NOT NULL AS paused_itself
FROM campaign WHERE finished_at IS NULL
""")
_CHUNKS = text(f"""
SELECT {", ".join(f"coalesce(sum(chunks_{state}), 0) AS {state}" for state in ChunkState)}
FROM campaign WHERE finished_at IS NULL
""")
# What has ended is found by the index of what still has its audience.
_UNRESOLVED = text("""
SELECT coalesce(sum(members_unresolved), 0) FROM (
    SELECT members_unresolved FROM campaign WHERE finished_at IS NULL
    UNION ALL
    SELECT members_unresolved FROM campaign
    WHERE finished_at > statement_timestamp() - :recently AND purged_to < chunks_total) AS recent
""")
_DUE_BY_NOW = f"({FRESH} AND due_at <= statement_timestamp())"
# The chunks that are due lie in three indexes: fresh ones, published ones, and those in doubt. Of
# the fresh ones the index alone is read, unless their zone or their canary has to be looked at.
_DUE = text(f"""
WITH free AS MATERIALIZED (
    SELECT campaign.id, {IN_WINDOW} AS is_open, {RATE} AS rate,
        {BY_ZONE} AS by_zone, NOT {REST_MAY_BEGIN} AS canary_alone,
        greatest(campaign.resumed_at, campaign.opens_at, account.hold_until) AS since
    FROM campaign JOIN account ON account.name = campaign.account
    WHERE campaign.finished_at IS NULL AND {MAY_SEND}
), waiting AS (
    SELECT free.*, due.chunks, greatest(due.oldest, free.since) AS due_since
    FROM free CROSS JOIN LATERAL (
        SELECT count(*) AS chunks, min(due_at) AS oldest FROM (
            SELECT due_at FROM chunk
            WHERE campaign_id = free.id AND free.is_open AND NOT free.by_zone
              AND NOT free.canary_alone AND {_DUE_BY_NOW}
            UNION ALL
            SELECT due_at FROM chunk
            WHERE campaign_id = free.id AND free.is_open AND (free.by_zone OR free.canary_alone)
              AND {_DUE_BY_NOW} AND (canary OR NOT free.canary_alone) AND {IN_ITS_ZONE_S_WINDOW}
            UNION ALL
            SELECT due_at FROM chunk
            WHERE campaign_id = free.id AND free.is_open AND published_at IS NOT NULL
              AND in_doubt_since IS NULL
            UNION ALL
            SELECT due_at FROM chunk
            WHERE campaign_id = free.id AND state = 'pending' AND in_doubt_since IS NOT NULL
              AND due_at <= statement_timestamp()) AS found) AS due
    WHERE due.chunks > 0
)
SELECT coalesce(sum(chunks), 0) AS chunks, max(statement_timestamp() - due_since) AS oldest,
    max(statement_timestamp() - greatest(
        due_since,
        (SELECT max(ended_at) FROM attempt WHERE campaign_id = waiting.id)
            + make_interval(secs => coalesce(1 / rate, 0)))) AS stalled
FROM waiting
""")
_DOUBT = text("""
SELECT count(*) AS chunks, min(in_doubt_since) + :window - statement_timestamp() AS time_left
FROM campaign JOIN chunk ON chunk.campaign_id = campaign.id
WHERE campaign.finished_at IS NULL AND chunk.state = 'pending' AND in_doubt_since IS NOT NULL
""")
_NOW = text("SELECT clock_timestamp()")
_NONE = timedelta(0)


def measure(connection: Connection, window: timedelta) -> Figures:
    """All figures, in some ten statements over what is live; `window` is the usable window."""
    found = {row.state: row.campaigns for row in connection.execute(_CAMPAIGNS)}
    live = connection.execute(_LIVE).all()
    chunks = connection.execute(_CHUNKS).one()
    unresolved = connection.execute(_UNRESOLVED, {"recently": RECENTLY}).scalar_one()
    holds = held(connection, [row.id for row in live])
    return Figures(
        campaigns={state: found.get(state, 0) for state in CampaignState},
        chunks={state: int(getattr(chunks, state)) for state in ChunkState},
        due=_due(connection),
        doubt=Doubt(*connection.execute(_DOUBT, {"window": window}).one()),
        unresolved_members=int(unresolved),
        held=Counter(hold.by for hold in holds.values()),
        paused_themselves=sum(row.paused_itself for row in live),
        account_holds=_account_holds(connection),
        webhooks=outbox.troubles(connection),
        fleet=fleet.strength(connection),
    )


def _due(connection: Connection) -> Due:
    row = connection.execute(_DUE).one()
    return Due(int(row.chunks), max(row.oldest or _NONE, _NONE), max(row.stalled or _NONE, _NONE))


def _account_holds(connection: Connection) -> dict[str, timedelta]:
    now = connection.execute(_NOW).scalar_one()
    return {
        account.name: max(account.hold_until - now, _NONE) if account.hold_until else _NONE
        for account in accounts.read_all(connection)
    }
