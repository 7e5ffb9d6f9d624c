"""What the fleet has room for, and which campaign's chunks it goes to."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from dispatcher.books import fleet, running, transitions
from dispatcher.lifecycle import MOST_DOUBTS
from dispatcher.publishing.bell import Batch
from dispatcher.publishing.turns import Claimant, Gauge, Grant, in_turn, places

LONGEST_LIST = timedelta(seconds=0.5)
"""How long a slot works on one message; then the rest of its list is given back."""

_LISTS_A_SLOT = 2
_LEAST_A_LIST = 2
_SLOTS_A_CAMPAIGN = 2
"""With fewer, slots would be called away by messages all the time."""
MOST_A_LIST = 16
_MESSAGES_AT_ONCE = 32
_UNLIMITED = 1_000_000
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


Mark = Callable[..., list[int]]
"""Marks chunks as published, as `transitions.mark_published` does."""


def plan(
    connection: Connection,
    account_rate: float | None,
    gauge: Gauge,
    mark: Mark = transitions.mark_published,
) -> Plan:
    """Mark what the fleet has room for as published, shared fairly; the messages to send.

    Slots go on with their campaigns by themselves, so that there is room for a chunk for each live
    slot, and only an idle one is named a chunk; where many are, a message names several, each for
    an idle slot. A campaign with less than its equal share of slots gets as many messages as it
    lacks all the same: where a message waits for it, a slot goes on no more. Where campaigns are
    too many for that, or something is out of the ordinary (an account has trouble, a chunk is in
    doubt, or claimed for so long that its claim may have been lost), there is room for two lists
    for each slot, one at work and one that waits, each of what a slot works off in its time. Every
    running campaign with something due gets one chunk at least.

    Where a rate holds, as many go as there are places before the next round, to the campaigns of an
    account in turn, each in a message of its own, as each has a moment of its own.

    The next round should come soon where an eighth of the room was empty.
    """
    campaigns = running.campaigns(connection, _SLOW_START)
    slots = fleet.live_slots(connection)
    paced = {c.id for c in campaigns if account_rate is not None or c.rate is not None}
    unpaced = [campaign for campaign in campaigns if campaign.id not in paced]
    room = _room(unpaced, slots)
    in_flight = [campaign.published + campaign.held for campaign in campaigns]
    rates = _Rates(account_rate, gauge, [c for c in campaigns if c.id in paced and c.has_due])
    idle = room.chunks - sum(in_flight)
    most = max(room.share, idle)
    grants = _grants(connection, campaigns, rates, most)
    demands = [
        Demand(flying, grant.chunks) for flying, grant in zip(in_flight, grants, strict=True)
    ]
    batches: list[Batch] = []
    shares = share(room.chunks, demands, room.share)
    together = _most_together(idle) if sum(shares) <= idle else 1
    for campaign, grant, count in zip(campaigns, grants, shares, strict=True):
        if count:
            only_canary = campaign.awaits_verdict
            sequences = mark(
                connection, campaign.id, count=count, fresh=grant.clean, only_canary=only_canary
            )
            size = 1 if campaign.id in paced else room.list or together
            batches += messages(campaign.id, sequences, size)
    published = sum(len(batch.sequences) for batch in batches)
    return Plan(batches, soon=0 < published >= room.chunks / 8)


@dataclass(frozen=True, slots=True)
class Room:
    """How many chunks may be in flight, how many a message has, and a campaign's equal share.

    Without a `list`, a message has as many as idle slots take at once.
    """

    chunks: int
    list: int | None
    share: int


def _room(unpaced: Sequence[Row[Any]], slots: int) -> Room:
    """What there is room for, where these campaigns have no rate."""
    waiting = [campaign for campaign in unpaced if campaign.has_due or campaign.published]
    go_on = not any(
        campaign.failures
        or campaign.doubts
        or campaign.has_rested
        or campaign.awaits_verdict
        or campaign.doubtful
        or campaign.is_stuck
        for campaign in waiting
    )
    if go_on and len(waiting) * _SLOTS_A_CAMPAIGN <= slots:
        return Room(slots, list=None, share=max(1, slots // max(1, len(waiting))))
    in_time = _chunks_in_time([campaign for campaign in unpaced if campaign.has_due])
    chunks = _LISTS_A_SLOT * slots * max(_LEAST_A_LIST, in_time)
    return Room(chunks, list=max(1, in_time), share=1)


class _Rates:
    """How many places the limits of campaigns and accounts have before the next round."""

    def __init__(
        self, account_rate: float | None, gauge: Gauge, campaigns: Sequence[Row[Any]]
    ) -> None:
        self._rate = account_rate
        names = [f"campaign:{c.id}" for c in campaigns if c.rate is not None]
        if account_rate is not None:
            names += sorted({f"account:{campaign.account}" for campaign in campaigns})
        self._ahead = gauge.ahead(names) if names else {}

    def of_campaign(self, campaign: Row[Any]) -> float:
        """The places of a campaign's own rate; infinity where it has none."""
        return self._places(f"campaign:{campaign.id}", campaign.rate)

    def of_account(self, account: str) -> float:
        """The places of an account; infinity where it has no rate."""
        return self._places(f"account:{account}", self._rate)

    def _places(self, name: str, rate: float | None) -> float:
        if rate is None:
            return inf
        return 0 if self._ahead is None else places(self._ahead.get(name), rate)


def _grants(
    connection: Connection, campaigns: Sequence[Row[Any]], rates: _Rates, room: int
) -> list[Grant]:
    """What may be published of each campaign, whatever room there is for others."""
    most = [min(room, _allowance(campaign, rates)) for campaign in campaigns]
    counted = running.count_due(connection, campaigns, most)
    claimants = [
        Claimant(campaign.since, due.doubtful, due.clean if campaign.in_window else 0, allowed)
        for campaign, due, allowed in zip(campaigns, counted, most, strict=True)
    ]
    grants: dict[UUID, Grant] = {}
    by_account: dict[str, list[int]] = defaultdict(list)
    for place, campaign in enumerate(campaigns):
        by_account[campaign.account].append(place)
    for account, members in by_account.items():
        theirs = [campaigns[place] for place in members]
        total, clean = _account_room(theirs, rates.of_account(account))
        given = in_turn([claimants[place] for place in members], total, clean)
        grants |= zip((campaign.id for campaign in theirs), given, strict=True)
    return [grants[campaign.id] for campaign in campaigns]


def _allowance(campaign: Row[Any], rates: _Rates) -> int:
    """How many more of a campaign's chunks may be published, as far as it alone is concerned.

    One until its first attempt has ended or has taken two seconds; else what its rate has places
    for.
    """
    if not campaign.has_due:
        return 0
    if campaign.is_new:
        return max(0, 1 - int(campaign.published + campaign.sending))
    return int(max(0, min(rates.of_campaign(campaign) - campaign.published, _UNLIMITED)))


def _account_room(campaigns: Sequence[Row[Any]], places: float) -> tuple[float, float]:
    """How many chunks of an account's campaigns may be published, and how many clean ones.

    One at a time while its API comes to nothing, and so many more as ended well after a rest. Of
    what may be clean, those in flight count already.
    """
    account = campaigns[0]
    published = sum(campaign.published for campaign in campaigns)
    room = places - published
    if account.failures > 0 or account.doubts >= MOST_DOUBTS:
        room = min(room, 1 - published)
    ended_well = sum(campaign.after_rest for campaign in campaigns)
    if account.has_rested and ended_well < running.LATEST:
        in_flight = published + sum(campaign.sending for campaign in campaigns)
        room = min(room, 1 + ended_well - in_flight)
    clean = inf
    if account.doubts >= MOST_DOUBTS:
        clean = 0 if account.waits_in_doubt else 1
    elif account.doubts > 0:
        begun = sum(campaign.published_clean + campaign.sending_clean for campaign in campaigns)
        clean = max(0, MOST_DOUBTS - account.doubts - begun)
    return max(0, room), clean


def _chunks_in_time(campaigns: Sequence[Row[Any]]) -> int:
    """How many chunks a slot works off in its time, by what the last attempts took."""
    attempts: int = sum(campaign.attempts for campaign in campaigns)
    seconds = float(sum(campaign.seconds for campaign in campaigns))
    in_time = LONGEST_LIST.total_seconds() * attempts / max(seconds, 0.001)
    return min(int(in_time), MOST_A_LIST)


def _most_together(idle: int) -> int:
    """How many chunks a message names of those that begin at once, when so many slots are idle.

    Messages enough for each worker to get some, and few where Celery takes longer for each than
    its slot for sending.
    """
    return max(1, min(idle // _MESSAGES_AT_ONCE, MOST_A_LIST))


def share(capacity: int, demands: Sequence[Demand], least: int = 1) -> list[int]:
    """How many chunks each campaign gets: whoever has the least in flight is next.

    What is in flight already counts against the capacity; a campaign with fewer than `least` in
    flight gets so many even where there is no room.
    """
    grants = [0] * len(demands)
    room = capacity - sum(demand.in_flight for demand in demands)
    queue = [(demand.in_flight, place) for place, demand in enumerate(demands) if demand.usable > 0]
    heapq.heapify(queue)
    while queue and (room > 0 or queue[0][0] < least):
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
