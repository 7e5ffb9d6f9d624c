"""Delivering chunks: rate, claim, send, decide, record."""

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from dispatcher.books import campaigns, transitions
from dispatcher.books.campaigns import Sendable
from dispatcher.books.session import is_transient, transaction, words_of
from dispatcher.books.transitions import Claim
from dispatcher.errors import DispatcherError, SettingError
from dispatcher.lifecycle import (
    Accepted,
    AlreadySent,
    ChunkState,
    Decision,
    Outcome,
    decide,
    name_of,
    usable_window,
)
from dispatcher.settings import Settings
from workers.connection import clock
from workers.envelope import Envelope
from workers.push_api import PushApi
from workers.rate_limit import RateLimit

_LONGEST_LIST = 0.5
"""Seconds that a slot works on one message; then the rest of its list is given back."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0

log = logging.getLogger("dispatcher.deliver")


@dataclass(frozen=True, slots=True)
class Courier:
    """What delivering needs; built once a process. `closing` says that nothing new may begin."""

    settings: Settings
    engine: Engine
    push_api: PushApi
    rate_limit: RateLimit
    worker: str
    closing: Callable[[], bool]

    @property
    def window(self) -> timedelta:
        """The usable part of the vendor's window."""
        return usable_window(self.settings.pack_id_window, self.settings.request_timeout)


def deliver_all(courier: Courier, campaign_id: UUID, sequences: list[int]) -> None:
    """Work a message off: each chunk with a claim of its own; what is not claimed is given back."""
    waiting = deque(sequences)
    try:
        _work_off(courier, campaign_id, waiting)
        _give_back(courier, campaign_id, waiting)
    except (DispatcherError, SQLAlchemyError) as error:
        log.warning("%s", words_of(error), extra={"campaign": str(campaign_id)})
        # Most often the connection was lost, and the next one works; else the sweep does it.
        with suppress(DispatcherError, SQLAlchemyError):
            _give_back(courier, campaign_id, sequences)


def _work_off(courier: Courier, campaign_id: UUID, waiting: deque[int]) -> None:
    """Deliver one after another, as long as this worker may begin something new."""
    campaign = _sendable(courier, campaign_id)
    if campaign is None:
        return
    envelope = _envelope(courier, campaign)
    until = time.monotonic() + _LONGEST_LIST
    while waiting and not courier.closing() and time.monotonic() < until:
        deliver(courier, campaign, envelope, waiting.popleft())


def deliver(courier: Courier, campaign: Sendable, envelope: Envelope, sequence: int) -> None:
    """Make one attempt at a chunk, if it is ours to send; nothing where somebody else has it."""
    if not _in_turn(courier, campaign, sequence):
        return
    asked_at = clock()
    claim = _claim(courier, campaign, sequence)
    if claim is None:
        return
    outcome = _send(courier, envelope, claim, asked_at)
    now = claim.claimed_at + timedelta(seconds=clock() - asked_at)
    decision = decide(outcome, claim.facts(courier.window), now, random.random())
    _record(courier, claim, outcome, decision)


def _sendable(courier: Courier, campaign_id: UUID) -> Sendable | None:
    with transaction(courier.engine) as connection:
        return campaigns.sendable(connection, campaign_id)


def _envelope(courier: Courier, campaign: Sendable) -> Envelope:
    """What the campaign's requests share; without its account's token the campaign pauses."""
    try:
        token = courier.settings.require_token(campaign.account)
    except SettingError as error:
        with transaction(courier.engine) as connection:
            transitions.pause_itself(connection, campaign.id, f"{courier.worker}: {error}")
        raise
    return Envelope.of(token, campaign.app_id, campaign.campaign_tag, campaign.message)


def _in_turn(courier: Courier, campaign: Sendable, sequence: int) -> bool:
    """Take a place in the campaign's and the account's rate; without one, give the chunk back."""
    place = courier.rate_limit.take(
        {
            f"campaign:{campaign.id}": campaign.rate,
            f"account:{campaign.account}": courier.settings.rate,
        }
    )
    if not place.taken:
        _give_back(courier, campaign.id, [sequence], place.wait)
    elif place.wait:
        time.sleep(place.wait.total_seconds())
    return place.taken


def _claim(courier: Courier, campaign: Sendable, sequence: int) -> Claim | None:
    """The committed claim. Where the commit's reply is lost this raises, and nothing is sent."""
    with transaction(courier.engine) as connection:
        claim = transitions.claim(
            connection,
            campaign.id,
            sequence,
            worker=courier.worker,
            lease=courier.settings.lease,
            window=courier.window,
        )
        if claim is None:
            transitions.give_back(connection, campaign.id, [sequence])
    return claim


def _send(courier: Courier, envelope: Envelope, claim: Claim, asked_at: float) -> Outcome:
    """One request, begun while a whole one still fits into the lease and while the window lasts."""
    slack = courier.settings.lease - courier.settings.request_timeout
    send_before = asked_at + min(slack, claim.window_left).total_seconds()
    return courier.push_api.send(envelope, envelope.body(claim.pack_id, claim.members), send_before)


def _record(courier: Courier, claim: Claim, outcome: Outcome, decision: Decision) -> None:
    """Record the outcome; while PostgreSQL is away, an accepted one for as long as it takes.

    Any other is worth recording only while the lease lasts: then the sweep takes the chunk back.
    """
    deadline = clock() + courier.settings.lease.total_seconds()
    pause = _FIRST_PAUSE
    while True:
        try:
            with transaction(courier.engine) as connection:
                recorded = transitions.record(connection, claim, outcome, decision)
            return _tell(claim, outcome, decision, recorded)
        except (SQLAlchemyError, DispatcherError) as error:
            lost = not isinstance(outcome, Accepted) and clock() > deadline
            if lost or not is_transient(error):
                raise
            if pause == _FIRST_PAUSE:
                log.warning("cannot be recorded yet: %s", words_of(error), extra=_fields(claim))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _give_back(
    courier: Courier,
    campaign_id: UUID,
    sequences: Collection[int],
    due_in: timedelta = timedelta(0),
) -> None:
    if sequences:
        with transaction(courier.engine) as connection:
            transitions.give_back(connection, campaign_id, list(sequences), due_in)


def _tell(claim: Claim, outcome: Outcome, decision: Decision, recorded: bool) -> None:
    """One line for what a person may want to know of the attempt."""
    words = "accepted" if isinstance(outcome, Accepted) else outcome.reason.message
    if not recorded:
        log.warning(
            "too late, it is settled or another attempt has it: %s", words, extra=_fields(claim)
        )
    elif isinstance(outcome, AlreadySent) and claim.in_doubt_before is None:
        log.error(
            "the vendor says that this pack_id was sent before, but not by us: "
            "does someone else use it? %s",
            words,
            extra=_fields(claim),
        )
    elif decision.state in (ChunkState.DELIVERED, ChunkState.UNCOUNTED):
        log.debug("%s: %s", decision.state, words, extra=_fields(claim))
    else:
        log.info("%s, %s: %s", name_of(outcome), decision.state, words, extra=_fields(claim))


def _fields(claim: Claim) -> dict[str, object]:
    return {
        "campaign": str(claim.campaign_id),
        "chunk": claim.sequence,
        "attempt": claim.attempt,
        "pack_id": claim.pack_id,
    }
