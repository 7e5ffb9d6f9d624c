"""Topping up: due chunks are marked as published and their task messages sent, ids only.

The row is the truth; a message only rings. It may be lost, late or doubled without harm, and what
is published but never claimed is published again.
"""

import heapq
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import floor, inf
from typing import Any
from uuid import UUID

from celery import Celery
from kombu.exceptions import KombuError
from sqlalchemy import Connection, Engine, Row, text

from dispatcher.books import fleet, transitions
from dispatcher.books.doubt import MOST_IN_DOUBT, in_doubt
from dispatcher.books.session import transaction, try_lock
from dispatcher.errors import BrokerUnavailable
from dispatcher.settings import Settings

QUEUE = "dispatcher"
DELIVER = "workers.tasks.deliver"

LONGEST_LIST = timedelta(seconds=0.5)
"""How long a slot works on one message; then the rest of its list is given back."""

_ROUND_LOCK = 0x7075626C
_LISTS_A_SLOT = 2
_LEAST_A_LIST = 2
_MOST_A_LIST = 16
_AT_ONCE = 16
"""So many messages leave together: the first are worked off while others are made."""
_PACED_AHEAD = 0.25
_SLOW_START = timedelta(seconds=2)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """The chunks of one message."""

    campaign_id: UUID
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The messages of one round, and whether the next one should come soon."""

    batches: list[Batch]
    soon: bool


NOTHING = Plan([], soon=False)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a running campaign has in flight, and how many more chunks it could use now."""

    in_flight: int
    usable: int


def producer(settings: Settings) -> Celery:
    """A Celery application that only sends messages; it connects at its first use.

    Raises SettingError where no broker is configured.
    """
    app = Celery("dispatcher", set_as_current=False)
    app.conf.update(broker_settings(settings.require_broker_url()))
    return app


def broker_settings(broker_url: str) -> dict[str, Any]:
    """What producers and workers tell Celery alike about the broker.

    Nothing is retried or acknowledged by the broker: PostgreSQL keeps the books, and the relay
    sends again what was lost.
    """
    options: dict[str, Any] = {}
    if broker_url.startswith("redis"):
        options = {
            "ack_emulation": False,
            "socket_connect_timeout": 1.5,
            "socket_timeout": 10,
            "socket_keepalive": True,
            "health_check_interval": 10,
        }
    return {
        "broker_url": broker_url,
        "broker_connection_timeout": 1.5,
        "broker_transport_options": options,
        "task_default_queue": QUEUE,
        "task_ignore_result": True,
        "task_publish_retry": False,
        "task_serializer": "json",
        "accept_content": ["json"],
    }


class Bell:
    """Rings for chunks; keeps its connection to the broker, and opens another when that broke.

    It asks once: the relay comes again anyway.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._connection: Any = None

    def ring(self, batches: Sequence[Batch]) -> None:
        """Send a message for each batch; BrokerUnavailable where the broker cannot be reached.

        Some may have been sent then.
        """
        if not batches:
            return
        with self._connected() as connection:
            sender = self._app.amqp.Producer(connection)
            with sender.batch(max_size=_AT_ONCE):
                for batch in batches:
                    self._app.send_task(
                        DELIVER,
                        args=[str(batch.campaign_id), list(batch.sequences)],
                        producer=sender,
                        retry=False,
                    )

    def reach(self) -> None:
        """Return if the broker answers; BrokerUnavailable otherwise."""
        with self._connected() as connection:
            connection.default_channel.close()

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """The connection; what goes wrong on it is BrokerUnavailable, and its end."""
        at_once = {"max_retries": 0, "socket_timeout": 1.0, "socket_connect_timeout": 1.0}
        if self._connection is None:
            self._connection = self._app.connection_for_write(transport_options=at_once)
        try:
            yield self._connection
        except (*self._connection.recoverable_connection_errors, KombuError) as error:
            self.close()
            why = str(error.__cause__ or error).rstrip(".")
            raise BrokerUnavailable(
                f"The broker cannot be reached: {why}. Workers find the campaign when it is back."
            ) from error


def top_up(engine: Engine, bell: Bell, account_rate: float | None) -> Plan:
    """Publish what the workers have room for; what was published.

    Nothing is where another worker is at it. `account_rate` is each account's limit in requests a
    second. Raises BrokerUnavailable; the chunks are due again at once then.
    """
    with transaction(engine) as connection:
        if not (connection.scalar(_ANYTHING_DUE) and try_lock(connection, _ROUND_LOCK)):
            return NOTHING
        found = plan(connection, account_rate)
    _ring_or_give_back(engine, bell, found.batches)
    return found


def begin(engine: Engine, app: Celery, campaign_id: UUID) -> None:
    """Publish the first chunk of a campaign that was just committed or resumed.

    The relay does the rest, and this too where it is at it or has been. Raises BrokerUnavailable.
    """
    sequences: list[int] = []
    with transaction(engine) as connection:
        if try_lock(connection, _ROUND_LOCK) and not connection.scalar(
            _IN_FLIGHT, {"id": campaign_id}
        ):
            sequences = transitions.mark_published(connection, campaign_id, count=1, fresh=1)
    batches = [Batch(campaign_id, (sequence,)) for sequence in sequences]
    with closing(Bell(app)) as bell:
        _ring_or_give_back(engine, bell, batches)


def _ring_or_give_back(engine: Engine, bell: Bell, batches: Sequence[Batch]) -> None:
    """What could not be rung for is due again at once, and not when its mark has grown old."""
    try:
        bell.ring(batches)
    except BrokerUnavailable:
        with transaction(engine) as connection:
            for batch in batches:
                transitions.give_back(connection, batch.campaign_id, batch.sequences)
        raise


_IN_FLIGHT = text("""
SELECT EXISTS (SELECT FROM chunk WHERE campaign_id = :id AND published_at IS NOT NULL)
    OR EXISTS (SELECT FROM chunk WHERE campaign_id = :id AND state = 'sending')
""")
_MAY_SEND = """
campaign.state = 'running' AND campaign.finished_at IS NULL
    AND (account.hold_until IS NULL OR account.hold_until <= clock_timestamp())
"""
_IS_DUE = "state = 'pending' AND published_at IS NULL AND due_at <= statement_timestamp()"
_HAS_DUE = f"""
(EXISTS (SELECT FROM chunk WHERE campaign_id = campaign.id
           AND {_IS_DUE} AND in_doubt_since IS NULL)
 OR EXISTS (SELECT FROM chunk WHERE campaign_id = campaign.id
              AND {_IS_DUE} AND in_doubt_since IS NOT NULL))
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


def plan(connection: Connection, account_rate: float | None) -> Plan:
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
            sequences = transitions.mark_published(
                connection, campaign.id, count=granted, fresh=clean
            )
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
