"""What the fleet has room for, and which campaign's chunks it goes to."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import floor, inf
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from dispatcher.books import fleet, transitions
from dispatcher.books.doubt import MOST_IN_DOUBT, in_doubt
from dispatcher.publishing.bell import Batch

LONGEST_LIST = timedelta(seconds=0.5)
"""How long a slot works on one message; then the rest of its list is given back."""

_LISTS_A_SLOT = 2
_LEAST_A_LIST = 2
_MOST_A_LIST = 16
_PACED_AHEAD = 0.25
_SLOW_START = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Plan:
    """The messages of one round, and whether the next one should come soon.

    `failed` are the campaigns whose chunks could not be marked, and why.
    """

    batches: list[Batch]
    soon: bool
    failed: Mapping[UUID, Exception] = field(default_factory=dict)


NOTHING = Plan([], soon=False)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a running campaign has in flight, and how many more chunks it could use now."""

    in_flight: int
    usable: int


_MAY_SEND = """
campaign.state = 'running' AND campaign.finished_at IS NULL
    AND (account.hold_until IS NULL OR account.hold_until <= clock_timestamp())
"""
_IS_DUE = "state = 'pending' AND published_at IS NULL AND due_at <= statement_timestamp()"
# Scalar and in the order of an index: else the planner reads chunks until it meets one that is due.
_HAS_DUE = f"""
coalesce(
    (SELECT true FROM chunk
     WHERE campaign_id = campaign.id AND {_IS_DUE} AND in_doubt_since IS NULL
     ORDER BY due_at, sequence LIMIT 1),
    (SELECT true FROM chunk
     WHERE campaign_id = campaign.id AND {_IS_DUE} AND in_doubt_since IS NOT NULL
     ORDER BY in_doubt_since LIMIT 1),
    false)
"""
_ANYTHING_DUE = text(f"""
SELECT EXISTS (
    SELECT FROM campaign JOIN account ON account.name = campaign.account
    WHERE {_MAY_SEND} AND {_HAS_DUE})
""")
_RUNNING = text(f"""
SELECT campaign.id, campaign.rate, campaign.account, account.failures > 0 AS probing,
    {_HAS_DUE} AS has_due, published.chunks AS published, sending.chunks AS sending,
    coalesce(last.ended_at <= resumed_at, true)
        AND coalesce(least(published.since, sending.since)
                     > statement_timestamp() - :slow_start, true) AS is_new,
    {in_doubt("campaign.id")} AS in_doubt, {MOST_IN_DOUBT} AS most_in_doubt,
    last.attempts, last.seconds,
    coalesce(extract(epoch FROM statement_timestamp()
                     - greatest(sending.claimed_at, last.claimed_at)), 'infinity') AS since_claim
FROM campaign
JOIN account ON account.name = campaign.account
CROSS JOIN LATERAL (
    SELECT count(*) AS chunks, min(published_at) AS since FROM chunk
    WHERE campaign_id = campaign.id AND published_at IS NOT NULL) AS published
CROSS JOIN LATERAL (
    SELECT count(*) AS chunks, min(claimed_at) FILTER (WHERE claimed_at > resumed_at) AS since,
        max(claimed_at) AS claimed_at
    FROM chunk WHERE campaign_id = campaign.id AND state = 'sending') AS sending
CROSS JOIN LATERAL (
    SELECT count(*) AS attempts, max(started_at) AS claimed_at, max(ended_at) AS ended_at,
        coalesce(extract(epoch FROM sum(ended_at - started_at)), 0) AS seconds
    FROM (SELECT started_at, ended_at FROM attempt WHERE campaign_id = campaign.id
          ORDER BY ended_at DESC LIMIT 64) AS latest) AS last
WHERE {_MAY_SEND}
ORDER BY campaign.created_at
""")
_DUE = text(f"""
SELECT (SELECT count(*) FROM (
            SELECT FROM chunk
            WHERE campaign_id = asked.id AND {_IS_DUE} AND in_doubt_since IS NOT NULL
            ORDER BY in_doubt_since LIMIT asked.most) AS doubtful)
     + (SELECT count(*) FROM (
            SELECT FROM chunk
            WHERE campaign_id = asked.id AND {_IS_DUE} AND in_doubt_since IS NULL
            ORDER BY due_at, sequence LIMIT least(asked.most, asked.fresh)) AS fresh)
FROM unnest(CAST(:ids AS uuid[]), CAST(:most AS integer[]), CAST(:fresh AS integer[]))
    WITH ORDINALITY AS asked(id, most, fresh, place)
ORDER BY place
""")


def anything_due(connection: Connection) -> bool:
    """Whether a plan would find a chunk to publish; asked first, as most often there is none."""
    return bool(connection.scalar(_ANYTHING_DUE))


Mark = Callable[..., list[int]]
"""Marks chunks as published, as `transitions.mark_published` does."""


def plan(
    connection: Connection,
    account_rate: float | None,
    mark: Mark = transitions.mark_published,
) -> Plan:
    """Mark what the fleet has room for as published, shared fairly; the messages to send.

    There is room for two lists for each live slot, one at work and one that waits, each of what a
    slot works off in its time. Every running campaign with something due gets one chunk at least.
    With a rate a message has one chunk, as each has a moment of its own.

    The next round should come soon where an eighth of the room was empty.
    """
    campaigns = connection.execute(_RUNNING, {"slow_start": _SLOW_START}).all()
    slots = fleet.live_slots(connection)
    with_due = [campaign for campaign in campaigns if campaign.has_due]
    paces = _paces(with_due, account_rate)
    in_time = _chunks_in_time([campaign for campaign in with_due if paces[campaign.id] == inf])
    capacity = _LISTS_A_SLOT * slots * max(_LEAST_A_LIST, in_time)
    room = max(1, capacity - sum(campaign.published + campaign.sending for campaign in campaigns))
    most = [min(room, _allowance(c, account_rate, paces.get(c.id, inf))) for c in campaigns]
    fresh = [_fresh(campaign, room) for campaign in campaigns]
    asked = {"ids": [campaign.id for campaign in campaigns], "most": most, "fresh": fresh}
    due = connection.scalars(_DUE, asked)
    demands = [
        Demand(campaign.published + campaign.sending, min(usable))
        for campaign, *usable in zip(campaigns, most, due, strict=True)
    ]
    batches: list[Batch] = []
    for campaign, clean, granted in zip(campaigns, fresh, share(capacity, demands), strict=True):
        if granted:
            sequences = mark(connection, campaign.id, count=granted, fresh=clean)
            size = max(1, in_time) if paces[campaign.id] == inf else 1
            batches += messages(campaign.id, sequences, size)
    published = sum(len(batch.sequences) for batch in batches)
    return Plan(batches, soon=0 < published >= capacity / 8)


def _fresh(campaign: Row[Any], room: int) -> int:
    """How many clean chunks there is room for: while others are in doubt, what makes those many."""
    return campaign.most_in_doubt - campaign.in_doubt if campaign.in_doubt else room


def _chunks_in_time(campaigns: Sequence[Row[Any]]) -> int:
    """How many chunks a slot works off in its time, by what the last attempts took."""
    attempts: int = sum(campaign.attempts for campaign in campaigns)
    seconds = float(sum(campaign.seconds for campaign in campaigns))
    in_time = LONGEST_LIST.total_seconds() * attempts / max(seconds, 0.001)
    return min(int(in_time), _MOST_A_LIST)


def _paces(campaigns: Sequence[Row[Any]], account_rate: float | None) -> dict[UUID, float]:
    """At how many requests a second each campaign is published; infinity where nothing limits it.

    An account's rate is shared by its campaigns; what the slower ones leave goes to the others.
    """
    paces = {campaign.id: campaign.rate or inf for campaign in campaigns}
    if account_rate is not None:
        left = dict.fromkeys((campaign.account for campaign in campaigns), account_rate)
        sharing = Counter(campaign.account for campaign in campaigns)
        for campaign in sorted(campaigns, key=lambda campaign: paces[campaign.id]):
            account = campaign.account
            paces[campaign.id] = min(paces[campaign.id], left[account] / sharing[account])
            left[account] -= paces[campaign.id]
            sharing[account] -= 1
    return paces


def _allowance(campaign: Row[Any], account_rate: float | None, pace: float) -> int:
    """How many more of a campaign's chunks may be published, whatever room there is.

    One until its first attempt has ended or has taken two seconds, or while its account is being
    probed; as many as its pace has places for before the next round, the first of them when its
    rate and the account's let another begin after its last claim. A last claim that is yet to come
    was before the clock was set back.
    """
    published: int = campaign.published
    if not campaign.has_due:
        return 0
    if campaign.is_new or campaign.probing:
        return max(0, 1 - published - int(campaign.sending))
    if pace == inf:
        return 1_000_000
    interval = 1 / min(campaign.rate or inf, account_rate or inf)
    since_claim = float(campaign.since_claim)
    wait = max(0.0, interval - since_claim) if since_claim >= 0 else 0.0
    return max(0, 1 + floor((_PACED_AHEAD - wait) * pace) - published)


def share(capacity: int, demands: Sequence[Demand]) -> list[int]:
    """How many chunks each campaign gets: whoever has the least in flight is next.

    What is in flight already counts against the capacity; a campaign with nothing in flight gets
    one even where there is no room.
    """
    grants = [0] * len(demands)
    room = capacity - sum(demand.in_flight for demand in demands)
    queue = [(demand.in_flight, place) for place, demand in enumerate(demands) if demand.usable > 0]
    heapq.heapify(queue)
    while queue and (room > 0 or queue[0][0] == 0):
        level, place = heapq.heappop(queue)
        grants[place] += 1
        room -= 1
        if grants[place] < demands[place].usable:
            heapq.heappush(queue, (level + 1, place))
    return grants


def messages(campaign_id: UUID, sequences: Sequence[int], size: int) -> Iterator[Batch]:
    """The chunks in messages of at most `size` each, in their order."""
    for start in range(0, len(sequences), size):
        yield Batch(campaign_id, tuple(sequences[start : start + size]))
