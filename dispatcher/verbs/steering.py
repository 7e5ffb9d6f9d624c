"""Changes of a campaign under way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict
from uuid import UUID

from dispatcher.books import campaigns, transitions
from dispatcher.books.campaigns import Campaign
from dispatcher.books.commits import commit
from dispatcher.errors import (
    CommitUnknown,
    DatabaseUnavailable,
    ImpossibleInState,
    OptionError,
    ServiceError,
)
from dispatcher.lifecycle import RETRIABLE, CampaignState, ChunkState
from dispatcher.schedule import parse_windows
from dispatcher.settings import Settings
from dispatcher.verbs import canaries, reading
from dispatcher.verbs.connections import Connections, Reference, unsure
from dispatcher.verbs.options import check_finish_by, check_opens_in_time, check_rate
from dispatcher.words import counted

if TYPE_CHECKING:
    from sqlalchemy import Connection

StepProgress = Callable[[int, int], None]
"""Told how many chunks are done, of how many."""

log = logging.getLogger("dispatcher.api")


def resume(connections: Connections, campaign: Reference) -> Campaign:
    """Go on where the campaign stood, and ring."""
    connections.settings.require_broker_url()
    resumed = connections.change(campaign, transitions.resume)
    if resumed.state == CampaignState.RUNNING:
        connections.ring(resumed)
    return resumed


def approve(connections: Connections, campaign: Reference) -> Campaign:
    """Let a campaign go on that waits for a second person, and ring."""
    connections.settings.require_broker_url()
    approved = connections.change(
        campaign,
        lambda connection, found: transitions.approve(connection, found, connections.actor),
    )
    if approved.state == CampaignState.RUNNING:
        connections.ring(approved)
    return approved


def cancel(
    connections: Connections, campaign: Reference, progress: StepProgress | None
) -> Campaign:
    """End the campaign, and settle its chunks in steps."""

    def begin(connection: Connection) -> tuple[Campaign, int]:
        found = campaigns.resolve(connection, campaign)
        settled = transitions.cancel(connection, found)
        return campaigns.read(connection, found), settled

    cancelled, settled = commit(connections.engine, begin, doubt=lambda begun: unsure(begun[0]))
    if settled < transitions.STEP:
        return cancelled
    return _settle_rest(connections, cancelled, settled, progress)


def _settle_rest(
    connections: Connections, cancelled: Campaign, settled: int, progress: StepProgress | None
) -> Campaign:
    """Go on with a campaign that is cancelled for good; what fails here, workers do."""
    found, step = UUID(cancelled.id), transitions.STEP
    total = max(cancelled.chunks.pending, settled)

    def settle(connection: Connection) -> tuple[Campaign, int]:
        settled = transitions.settle_rest(connection, found)
        return campaigns.read(connection, found), settled

    try:
        while step == transitions.STEP:
            if progress is not None:
                progress(settled, total)
            cancelled, step = commit(
                connections.engine, settle, doubt=lambda settled: unsure(settled[0])
            )
            settled += step
    except (ServiceError, CommitUnknown) as error:
        log.warning("%s The campaign is cancelled; workers settle the rest.", error)
    return cancelled


class Orders(TypedDict, total=False):
    """What a campaign under way may be told anew: `rate`, `window` and `finish_by`, as by `send`.

    None takes one back; what is not there stays as it is.
    """

    rate: float | None
    window: str | Sequence[str] | None
    finish_by: datetime | None


Change = Callable[["Connection", UUID], object]
"""A change of one campaign, as a part of a transaction."""


def adjust(connections: Connections, campaign: Reference, orders: Orders) -> Campaign:
    """Give the campaign all of these orders, or none of them."""
    said: Mapping[str, Any] = orders
    for name in said.keys() - _ORDERS.keys():
        raise TypeError(f"There is no order {name!r}; known are {', '.join(_ORDERS)}.")
    if not said:
        raise OptionError(f"Nothing is to be changed: give one of {', '.join(_ORDERS)}, or more.")
    settings = connections.settings
    changes = [order(settings, said[name]) for name, order in _ORDERS.items() if name in said]

    def change(connection: Connection, found: UUID) -> None:
        for each in changes:
            each(connection, found)

    return connections.change(campaign, change)


def _rate(settings: Settings, rate: float | None) -> Change:
    check_rate(rate)
    if rate is not None:
        settings.require_place_for_rates(rate)
    return lambda connection, found: transitions.set_rate(connection, found, rate)


def _window(settings: Settings, window: str | Sequence[str] | None) -> Change:
    windows = None if window is None else parse_windows(window)

    def change(connection: Connection, found: UUID) -> None:
        now = campaigns.read(connection, found)
        check_opens_in_time(windows, now.send_at, now.expires_at)
        transitions.set_windows(connection, found, windows, settings.rate)

    return change


def _finish_by(settings: Settings, finish_by: datetime | None) -> Change:
    def change(connection: Connection, found: UUID) -> None:
        now = campaigns.read(connection, found)
        check_finish_by(settings, finish_by, now.send_at, now.expires_at)
        transitions.set_finish_by(connection, found, finish_by, settings.rate)

    return change


_ORDERS: Mapping[str, Callable[[Settings, Any], Change]] = {
    "rate": _rate,
    "window": _window,
    "finish_by": _finish_by,
}
"""In this order: the plan to finish by a time goes by the other two."""


def accept_canary(
    connections: Connections, campaign: Reference, max_error_rate: float | str | None
) -> Campaign:
    """Let a campaign go on that its canary or too many errors stopped, and ring."""
    connections.settings.require_broker_url()
    bound = canaries.bound_of(max_error_rate)
    accepted = connections.change(
        campaign, lambda connection, found: transitions.accept_canary(connection, found, bound)
    )
    if accepted.state == CampaignState.RUNNING:
        connections.ring(accepted)
    return accepted


def retry(
    connections: Connections,
    campaign: Reference,
    only: str,
    at_most: int | None,
    progress: StepProgress | None,
) -> Campaign:
    """Order the chunks in one state once more, in steps, and ring."""
    if only not in RETRIABLE:
        raise OptionError(f"{only!r} is none of {', '.join(sorted(RETRIABLE))}.")
    retried = reading.show(connections, campaign)
    _refuse_more(retried, only, at_most)
    of_all, ordered = getattr(retried.chunks, only), 0
    for after in range(0, retried.chunks.total, transitions.STEP):
        try:
            retried, found = _retry_some(connections, retried, only, after, ordered)
        except DatabaseUnavailable as error:
            done = f" {ordered:,} chunks are ordered; order the rest again." if ordered else ""
            raise DatabaseUnavailable(f"{error}{done}") from error
        ordered += found
        if progress is not None:
            progress(ordered, max(of_all, ordered))
    if retried.state == CampaignState.RUNNING:
        connections.ring(retried)
    return retried


def _refuse_more(campaign: Campaign, only: str, at_most: int | None) -> None:
    members: int = getattr(campaign.members, only)
    if at_most is not None and members > at_most:
        raise ImpossibleInState(
            f"Campaign {campaign.id} has {counted(members, f'{only} member')} by now, and "
            f"{at_most:,} were to be sent to again at most: nothing was sent again. Look at them, "
            "and order it for so many."
        )


def _retry_some(
    connections: Connections, campaign: Campaign, only: str, after: int, ordered: int
) -> tuple[Campaign, int]:
    def order(connection: Connection) -> tuple[Campaign, int]:
        found = UUID(campaign.id)
        state = ChunkState(only)
        some = transitions.retry(connection, found, state, after=after, ordered=ordered)
        return campaigns.read(connection, found), some

    return commit(connections.engine, order, doubt=lambda ordered: unsure(ordered[0]))
