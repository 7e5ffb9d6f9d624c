"""One attempt at a claimed chunk, and its record: what every slot does, whoever goes on for it."""

import logging
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Engine

from dispatcher.books import transitions
from dispatcher.books.sendable import Sendable
from dispatcher.books.session import transaction
from dispatcher.books.transitions import Claim, Report
from dispatcher.books.troubles import is_transient
from dispatcher.errors import DispatcherError
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

Found = TypeVar("Found")

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0
_LOOKS_FOR = 5.0
"""Seconds for members who were let go of: the outcome is worth more than what it quotes."""

log = logging.getLogger("dispatcher.deliver")


@dataclass(frozen=True, slots=True)
class Courier:
    """What delivering needs; built once a process.

    `closing` says that nothing new may begin; `wake_relay` lets it publish at once; `nobody_waits`
    says that no message waits for a slot, so that each may go on with its campaign; `enlist` has an
    idle slot do something, and says whether there is one. Of what is on the wire, members whose
    text is longer than `longest_kept` are let go.
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
    enlist: Callable[[Callable[[], None]], bool]
    longest_kept: int
    meter: Meter = field(default_factory=Meter)
    tracer: Tracer = field(default_factory=Tracer)

    @property
    def window(self) -> timedelta:
        """The usable part of the vendor's window."""
        return usable_window(self.settings.pack_id_window, self.settings.request_timeout)


@dataclass(frozen=True, slots=True)
class Errand:
    """A campaign that slots send, with the token of its account."""

    campaign: Sendable
    token: Secret

    def envelope(self, claim: Claim) -> Envelope:
        """What all requests with the claim's text share."""
        message, tag = self.campaign.text(claim.variant)
        return Envelope.of(self.token, self.campaign.app_id, tag, message)


class Letter:
    """A claimed chunk as the body of a request, the same each time it is asked for.

    Where many slots are on the wire at once, the members of long ones are let go of when they have
    left. Few replies ask for them again: those that refuse, or name somebody.
    """

    def __init__(self, courier: Courier, errand: Errand, claim: Claim) -> None:
        self._courier = courier
        self._claim = claim
        self.envelope = errand.envelope(claim)
        self.waited = 0.0
        """Seconds for members who were let go of."""

    def __call__(self) -> bytes | None:
        """The body; where its members were let go of, it waits for the books.

        None where they have others by now, or are away for long.
        """
        members = self._claim.members.text
        if members is None:
            began = clock()
            members = _members_again(self._courier, self._claim)
            self.waited += clock() - began
        return None if members is None else self.envelope.body(self._claim.pack_id, members)

    @property
    def is_here(self) -> bool:
        """Whether to ask for it is to wait for nothing."""
        return self._claim.members.text is not None

    def sent(self) -> None:
        """It has left."""
        members = self._claim.members
        if members.text is not None and len(members.text) > self._courier.longest_kept:
            members.let_go()


def _members_again(courier: Courier, claim: Claim) -> str | None:
    """The members of a request that has left; None where that cannot be known in time."""

    def read() -> str | None:
        with transaction(courier.engine) as connection:
            return transitions.members_again(connection, claim)

    deadline = clock() + _LOOKS_FOR
    words = "what is said of its members cannot be looked at yet"
    try:
        return _patiently(courier, claim, words, read, lambda: clock() > deadline)
    except DispatcherError as error:
        log.warning("%s: it is not told", error, extra=_fields(courier, claim))
        return None


def _patiently(
    courier: Courier,
    claim: Claim,
    words: str,
    step: Callable[[], Found],
    is_lost: Callable[[], bool],
) -> Found:
    """A step in the books, again and again while they are away and nothing is lost."""
    pause = _FIRST_PAUSE
    while True:
        try:
            return step()
        except DispatcherError as error:
            if is_lost() or not is_transient(error):
                raise
            if pause == _FIRST_PAUSE:
                log.warning("%s: %s", words, error, extra=_fields(courier, claim))
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def attempt(courier: Courier, errand: Errand, claim: Claim, asked_at: float) -> Report | None:
    """Make one attempt at a claimed chunk; `asked_at` on `clock()` is when it was asked for.

    None where it has ended without one, as nobody is left in it who may get it.
    """
    outcome: Outcome
    claimed_at = clock()
    try:
        screened = courier.withholding.screened(claim, errand.campaign)
    except DispatcherError as error:
        outcome = NotSent(Reason(f"The standing list cannot be looked at: {error}"))
    else:
        if screened is None:
            return None
        claim = screened
        letter = Letter(courier, errand, claim)
        began = clock()
        outcome = courier.push_api.send(
            letter.envelope, letter, send_before(courier, claim, asked_at), letter.sent
        )
        measure(courier, claim, outcome, began + letter.waited)
    return report_of(courier, claim, outcome, asked_at, claimed_at)


def send_before(courier: Courier, claim: Claim, asked_at: float) -> float:
    """Until when its request may begin: a whole one fits into the lease, and windows last."""
    time_left = min(courier.settings.time_to_begin, claim.time_left)
    return asked_at + time_left.total_seconds()


def measure(courier: Courier, claim: Claim, outcome: Outcome, began: float) -> None:
    """A request began then and has ended now."""
    took = clock() - began
    courier.meter.requested(claim.account, outcome, took)
    courier.group_commit.hear(took)


def report_of(
    courier: Courier, claim: Claim, outcome: Outcome, asked_at: float, claimed_at: float
) -> Report:
    """What is to be recorded of an attempt, of which the traces are told."""
    now = claim.claimed_at + timedelta(seconds=clock() - asked_at)
    decision = decide(outcome, claim.facts(courier.window), now, random.random())
    report = Report(claim, outcome, decision)
    if courier.tracer.tells:
        courier.tracer.tried(traced(report, asked_at, claimed_at))
    return report


def record(courier: Courier, report: Report) -> None:
    """Record one attempt on its own; while PostgreSQL is away, an accepted one without an end.

    Any other is worth recording only while the lease lasts: then the sweep takes the chunk back.
    """
    deadline = clock() + courier.settings.lease.total_seconds()

    def write() -> tuple[Report, bool]:
        with transaction(courier.engine) as connection:
            written = transitions.record(connection, report)
            recorded = written is not None or transitions.was_recorded(connection, report)
        return written or report, recorded

    def is_lost() -> bool:
        return not isinstance(report.outcome, Accepted) and clock() > deadline

    tell(courier, *_patiently(courier, report.claim, "cannot be recorded yet", write, is_lost))


def give_back(courier: Courier, campaign_id: UUID, sequences: Collection[int]) -> bool:
    """Return what this worker will not send; whether any was there to return."""
    if not sequences:
        return False
    with transaction(courier.engine) as connection:
        return transitions.give_back(connection, campaign_id, list(sequences))


def is_the_last(courier: Courier, wish: Wish) -> bool:
    """Whether a slot whose wish got nothing ends with it, as nothing may be sent by anybody now.

    A chunk that was wished for is given back, where it is still there.
    """
    return isinstance(wish, UUID) or give_back(courier, wish[0], [wish[1]])


def tell(courier: Courier, report: Report, recorded: bool) -> None:
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
