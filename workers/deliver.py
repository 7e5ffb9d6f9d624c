"""Delivering chunks: rate, claim, send, decide, record."""

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Engine

from dispatcher.books import transitions
from dispatcher.books.campaigns import Sendable
from dispatcher.books.session import transaction
from dispatcher.books.transitions import Claim, Report
from dispatcher.books.troubles import is_transient
from dispatcher.errors import DispatcherError, SettingError
from dispatcher.lifecycle import (
    Accepted,
    AlreadySent,
    ChunkState,
    NotSent,
    Outcome,
    Reason,
    decide,
    name_of,
    usable_window,
)
from dispatcher.publishing import LONGEST_LIST
from dispatcher.redaction import Secret
from dispatcher.settings import Settings
from dispatcher.tracing import Tracer
from workers.campaign_cache import CampaignCache
from workers.envelope import Envelope
from workers.group_commit import GroupCommit, Wish
from workers.meter import Meter
from workers.push_api import PushApi
from workers.rate_limit import RateLimit
from workers.traces import traced
from workers.watchdog import clock
from workers.withholding import Withholding

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0

log = logging.getLogger("dispatcher.deliver")


@dataclass(frozen=True, slots=True)
class Courier:
    """What delivering needs; built once a process.

    `closing` says that nothing new may begin; `wake_relay` lets it publish at once; `nobody_waits`
    says that no message waits for a slot, so that each may go on with its campaign.
    """

    settings: Settings
    engine: Engine
    campaigns: CampaignCache
    group_commit: GroupCommit
    push_api: PushApi
    rate_limit: RateLimit
    withholding: Withholding
    worker: str
    closing: Callable[[], bool]
    wake_relay: Callable[[], None]
    nobody_waits: Callable[[], bool]
    meter: Meter = field(default_factory=Meter)
    tracer: Tracer = field(default_factory=Tracer)

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
    except Exception as error:
        # Most often the connection was lost, and the next one works; else the sweep does it.
        with suppress(DispatcherError):
            _give_back(courier, campaign_id, sequences)
        if not isinstance(error, DispatcherError):
            raise
        log.warning("%s", error, extra={"campaign": str(campaign_id)})


def _work_off(courier: Courier, campaign_id: UUID, waiting: deque[int]) -> None:
    """Deliver one after another, as long as this worker may begin something new.

    What an attempt came to is handed over with the wish for the next chunk. The first that may not
    be sent by anybody now ends it: the campaign or its account rests, and so would the others.

    A single chunk may be all that a slow start let out: what comes after it should come soon.
    """
    campaign = courier.campaigns.get(campaign_id)
    if campaign is None:
        return
    if campaign.rate is not None or courier.settings.rate is not None:
        _work_off_paced(courier, campaign, waiting)
        return
    token = _token(courier, campaign)
    single = len(waiting) == 1
    last: Report | None = None
    until = time.monotonic() + LONGEST_LIST.total_seconds()
    while not courier.closing():
        wish = _next(courier, campaign, waiting, until)
        if wish is None:
            break
        asked_at = clock()
        claim = _exchange(courier, last, wish)
        if last is not None and single:
            courier.wake_relay()
            single = False
        last = None
        if claim is not None:
            last = deliver(courier, campaign, _envelope(token, campaign, claim), claim, asked_at)
        elif isinstance(wish, UUID) or _give_back(courier, campaign.id, [wish[1]]):
            break
    _exchange(courier, last, None)
    if single:
        courier.wake_relay()


def _next(courier: Courier, campaign: Sendable, waiting: deque[int], until: float) -> Wish | None:
    """The message's next chunk, and then any of its campaign, while nobody waits for the slot."""
    if waiting and time.monotonic() < until:
        return campaign.id, waiting.popleft()
    if courier.nobody_waits():
        return (campaign.id, waiting.popleft()) if waiting else campaign.id
    return None


def _work_off_paced(courier: Courier, campaign: Sendable, waiting: deque[int]) -> None:
    """The same where a rate holds: what came back is written down before anything may wait."""
    token = _token(courier, campaign)
    until = time.monotonic() + LONGEST_LIST.total_seconds()
    while waiting and not courier.closing() and time.monotonic() < until:
        sequence = waiting.popleft()
        if not _in_turn(courier, campaign, sequence):
            continue
        asked_at = clock()
        claim = _exchange(courier, None, (campaign.id, sequence))
        if claim is not None:
            envelope = _envelope(token, campaign, claim)
            _exchange(courier, deliver(courier, campaign, envelope, claim, asked_at), None)
        elif _give_back(courier, campaign.id, [sequence]):
            return


def deliver(
    courier: Courier, campaign: Sendable, envelope: Envelope, claim: Claim, asked_at: float
) -> Report | None:
    """Make one attempt at a claimed chunk; `asked_at` on `clock()` is when it was asked for.

    None where it has ended without one, as nobody is left in it who may get it.
    """
    outcome: Outcome
    claimed_at = clock()
    try:
        screened = courier.withholding.screened(claim, campaign)
    except DispatcherError as error:
        outcome = NotSent(Reason(f"The standing list cannot be looked at: {error}"))
    else:
        if screened is None:
            return None
        claim = screened
        outcome = _send(courier, envelope, claim, asked_at)
    now = claim.claimed_at + timedelta(seconds=clock() - asked_at)
    decision = decide(outcome, claim.facts(courier.window), now, random.random())
    report = Report(claim, outcome, decision)
    if courier.tracer.tells:
        courier.tracer.tried(traced(report, asked_at, claimed_at))
    return report


def _token(courier: Courier, campaign: Sendable) -> Secret:
    """The token of the campaign's account; without it the campaign pauses."""
    try:
        return courier.settings.require_token(campaign.account)
    except SettingError as error:
        with transaction(courier.engine) as connection:
            transitions.pause_itself(connection, campaign.id, f"{courier.worker}: {error}")
        raise


def _envelope(token: Secret, campaign: Sendable, claim: Claim) -> Envelope:
    """What all requests with the claim's text share."""
    message, tag = campaign.text(claim.variant)
    return Envelope.of(token, campaign.app_id, tag, message)


def _in_turn(courier: Courier, campaign: Sendable, sequence: int) -> bool:
    """Take a place in the campaign's and the account's rate; without one, give the chunk back."""
    place = courier.rate_limit.take(
        {
            f"campaign:{campaign.id}": campaign.rate,
            f"account:{campaign.account}": courier.settings.rate,
        }
    )
    if not place.taken:
        _give_back(courier, campaign.id, [sequence])
    elif place.wait:
        time.sleep(place.wait.total_seconds())
    return place.taken


def _exchange(courier: Courier, last: Report | None, wanted: Wish | None) -> Claim | None:
    """Record the last attempt and claim the next chunk, in one commit where that is possible.

    Where the commit's reply is lost this raises, once the last attempt is recorded, and nothing is
    sent.
    """
    if last is not None and last.concerns_others:
        _record(courier, last)
        last = None
    if last is None and wanted is None:
        return None
    try:
        answer = courier.group_commit.exchange(last, wanted)
    except Exception:
        if last is not None:
            _record(courier, last)
        if wanted is not None:
            raise
        return None
    if last is not None and not answer.recorded:
        _record(courier, last)
    elif last is not None:
        _tell(courier, last, recorded=True)
    return answer.claim


def _send(courier: Courier, envelope: Envelope, claim: Claim, asked_at: float) -> Outcome:
    """One request, begun while a whole one still fits into the lease and while windows last."""
    time_left = min(courier.settings.time_to_begin, claim.time_left)
    send_before = asked_at + time_left.total_seconds()
    body = envelope.body(claim.pack_id, claim.members)
    began = clock()
    outcome = courier.push_api.send(envelope, body, send_before)
    took = clock() - began
    courier.meter.requested(claim.account, outcome, took)
    courier.group_commit.hear(took)
    return outcome


def _record(courier: Courier, report: Report) -> None:
    """Record one attempt on its own; while PostgreSQL is away, an accepted one without an end.

    Any other is worth recording only while the lease lasts: then the sweep takes the chunk back.
    """
    deadline = clock() + courier.settings.lease.total_seconds()
    pause = _FIRST_PAUSE
    while True:
        try:
            with transaction(courier.engine) as connection:
                written = transitions.record(connection, report)
                recorded = written is not None or transitions.was_recorded(connection, report)
            return _tell(courier, written or report, recorded)
        except DispatcherError as error:
            lost = not isinstance(report.outcome, Accepted) and clock() > deadline
            if lost or not is_transient(error):
                raise
            if pause == _FIRST_PAUSE:
                log.warning(
                    "cannot be recorded yet: %s", error, extra=_fields(courier, report.claim)
                )
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _give_back(courier: Courier, campaign_id: UUID, sequences: Collection[int]) -> bool:
    """Return what this worker will not send; whether any was there to return."""
    if not sequences:
        return False
    with transaction(courier.engine) as connection:
        return transitions.give_back(connection, campaign_id, list(sequences))


def _tell(courier: Courier, report: Report, recorded: bool) -> None:
    """One line for what a person may want to know of the attempt; counted where it is recorded."""
    if recorded:
        courier.meter.recorded(report)
    claim, outcome, state = report.claim, report.outcome, report.decision.state
    words = "accepted" if isinstance(outcome, Accepted) else outcome.reason.words
    if not recorded and isinstance(outcome, Accepted):
        log.warning(
            "accepted, but too late to count: it is delivered already, or was divided or ordered "
            "to be sent again under another pack_id, and its members may get it twice",
            extra=_fields(courier, claim),
        )
    elif not recorded:
        log.warning(
            "too late, it is settled or another attempt has it: %s",
            words,
            extra=_fields(courier, claim),
        )
    elif isinstance(outcome, AlreadySent) and claim.in_doubt_before is None:
        log.error(
            "the vendor says that this pack_id was sent before, but not by us: "
            "does someone else use it? %s",
            words,
            extra=_fields(courier, claim),
        )
    elif state in (ChunkState.DELIVERED, ChunkState.UNCOUNTED):
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s: %s", state, words, extra=_fields(courier, claim))
    else:
        log.info("%s, %s: %s", name_of(outcome), state, words, extra=_fields(courier, claim))


def _fields(courier: Courier, claim: Claim) -> dict[str, object]:
    return {
        "campaign": str(claim.campaign_id),
        "chunk": claim.sequence,
        "attempt": claim.attempt,
        "pack_id": claim.pack_id,
        **courier.tracer.ids(claim.campaign_id, claim.sequence, claim.attempt),
    }
