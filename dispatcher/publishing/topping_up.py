"""Marking due chunks as published, and ringing for them: a round of it, and a first chunk."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from celery import Celery
from sqlalchemy import Connection, Engine, text

from dispatcher.books import fleet, holding, running, transitions
from dispatcher.books.session import transaction, try_lock
from dispatcher.books.troubles import concerns_its_rows
from dispatcher.errors import BrokerUnavailable
from dispatcher.forks import not_while_forking
from dispatcher.publishing.bell import Batch, Bell
from dispatcher.publishing.planning import NOTHING, Mark, Plan, plan
from dispatcher.publishing.turns import Gauge

_ROUND_LOCK = 0x7075626C
# A campaign with a rate waits for its account's turns; one whose account has trouble, for its end;
# one outside its window, for that.
_MAY_BEGIN = text(f"""
SELECT {holding.RATE} IS NULL AND {fleet.RATE} IS NULL AND {holding.UNTROUBLED}
    AND {holding.IN_WINDOW}
    AND NOT EXISTS (SELECT FROM chunk WHERE campaign_id = :id AND published_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM chunk WHERE campaign_id = :id AND state = 'sending') AS may_begin,
    campaign.awaits_verdict
FROM campaign JOIN account ON account.name = campaign.account
WHERE campaign.id = :id
""")


def top_up(engine: Engine, bell: Bell, account_rate: float | None, gauge: Gauge) -> Plan:
    """Publish what the workers have room for; what was published.

    Nothing is where another worker is at it. `account_rate` is each account's limit in requests a
    second, `gauge` tells how far places have been given out. A campaign whose chunks cannot be
    marked holds up no other. Raises BrokerUnavailable; the chunks are due again at once then.
    """
    try:
        found = _plan(engine, account_rate, gauge, transitions.mark_published)
    except Exception as error:
        if not concerns_its_rows(error):
            raise
        failed: dict[UUID, Exception] = {}
        found = _plan(engine, account_rate, gauge, partial(_mark_apart, failed))
        found = replace(found, failed=failed)
    _ring_or_give_back(engine, bell, found.batches)
    return found


def _plan(engine: Engine, account_rate: float | None, gauge: Gauge, mark: Mark) -> Plan:
    with transaction(engine) as connection:
        if not (running.anything_due(connection) and try_lock(connection, _ROUND_LOCK)):
            return NOTHING
        return plan(connection, account_rate, gauge, mark)


def _mark_apart(
    failed: dict[UUID, Exception], connection: Connection, campaign_id: UUID, **terms: Any
) -> list[int]:
    """Mark as published what the database lets mark; a savepoint for each campaign costs time."""
    try:
        with connection.begin_nested():
            return transitions.mark_published(connection, campaign_id, **terms)
    except Exception as error:
        if not concerns_its_rows(error):
            raise
        failed[campaign_id] = error
        return []


def begin(engine: Engine, app: Celery, campaign_id: UUID) -> None:
    """Publish the first chunk of a campaign that was just committed or resumed.

    The relay does the rest, and this too where it is at it or has been, where a rate holds or where
    the account has trouble. Raises BrokerUnavailable.
    """
    sequences: list[int] = []
    with transaction(engine) as connection:
        if try_lock(connection, _ROUND_LOCK):
            found = connection.execute(_MAY_BEGIN, {"id": campaign_id}).one_or_none()
            if found is not None and found.may_begin:
                only_canary = found.awaits_verdict
                sequences = transitions.mark_published(
                    connection, campaign_id, count=1, fresh=1, only_canary=only_canary
                )
    batches = [Batch(campaign_id, (sequence,)) for sequence in sequences]
    with not_while_forking(), closing(Bell(app)) as bell:
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
