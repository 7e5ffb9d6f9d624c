"""Delivering chunks: rate, claim, send, decide, record."""

import logging
import time
from collections import deque
from contextlib import suppress
from functools import partial
from uuid import UUID

from dispatcher.books import transitions
from dispatcher.books.sendable import Sendable
from dispatcher.books.session import transaction
from dispatcher.books.transitions import Claim, Report
from dispatcher.errors import DispatcherError, SettingError
from dispatcher.publishing import LONGEST_LIST
from dispatcher.redaction import Secret
from workers.courier import Courier, Errand, attempt, give_back, is_the_last, record, tell
from workers.flight import may_fly, take_off
from workers.group_commit import Wish
from workers.watchdog import clock

log = logging.getLogger("dispatcher.deliver")


def deliver_all(courier: Courier, campaign_id: UUID, sequences: list[int]) -> None:
    """Work a message off: each chunk with a claim of its own; what is not claimed is given back.

    Each idle slot of this worker takes one of its chunks, and then goes on as this one does.
    """
    own = [
        sequence
        for place, sequence in enumerate(sequences)
        if place == 0 or not courier.enlist(partial(_begin, courier, campaign_id, sequence))
    ]
    _deliver(courier, campaign_id, own, is_single=len(sequences) == 1)


def _begin(courier: Courier, campaign_id: UUID, sequence: int) -> None:
    """A slot begins with a chunk of another's message: whatever goes wrong is told here."""
    try:
        _deliver(courier, campaign_id, [sequence], is_single=False)
    except Exception:
        log.exception("a slot failed", extra={"campaign": str(campaign_id), "chunk": sequence})


def _deliver(courier: Courier, campaign_id: UUID, sequences: list[int], *, is_single: bool) -> None:
    """What one slot does; `is_single` says that its message has no other chunk."""
    waiting = deque(sequences)
    try:
        _work_off(courier, campaign_id, waiting, is_single=is_single)
        give_back(courier, campaign_id, waiting)
    except Exception as error:
        # Most often the connection was lost, and the next one works; else the sweep does it.
        with suppress(DispatcherError):
            give_back(courier, campaign_id, sequences)
        if not isinstance(error, DispatcherError):
            raise
        log.warning("%s", error, extra={"campaign": str(campaign_id)})


def _work_off(courier: Courier, campaign_id: UUID, waiting: deque[int], *, is_single: bool) -> None:
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
    errand = Errand(campaign, _token(courier, campaign))
    wakes = _Wakes(courier, is_single=is_single)
    last: Report | None = None
    until = time.monotonic() + LONGEST_LIST.total_seconds()
    while not courier.closing():
        wish = _next(courier, campaign, waiting, until)
        if wish is None:
            break
        if not waiting and may_fly(last):
            flight = take_off(courier, errand, last, wish, wakes.recorded)
            if flight is not None:
                last = claim = None  # of all who fly, none holds the chunk that it began with
                last, is_over = flight.land()
                if is_over:
                    break
                continue
        asked_at = clock()
        claim = _exchange(courier, last, wish)
        if last is not None:
            wakes.recorded()
        last = None
        if claim is not None:
            last = attempt(courier, errand, claim, asked_at)
        elif is_the_last(courier, wish):
            break
    _exchange(courier, last, None)
    wakes.recorded()


class _Wakes:
    """Has the relay publish when the only chunk of a message is recorded."""

    def __init__(self, courier: Courier, *, is_single: bool) -> None:
        self._courier = courier
        self._is_due = is_single

    def recorded(self) -> None:
        """An attempt is in the books, or the message has ended."""
        if self._is_due:
            self._is_due = False
            self._courier.wake_relay()


def _next(courier: Courier, campaign: Sendable, waiting: deque[int], until: float) -> Wish | None:
    """The message's next chunk, and then any of its campaign, while nobody waits for the slot."""
    if waiting and time.monotonic() < until:
        return campaign.id, waiting.popleft()
    if courier.nobody_waits():
        return (campaign.id, waiting.popleft()) if waiting else campaign.id
    return None


def _work_off_paced(courier: Courier, campaign: Sendable, waiting: deque[int]) -> None:
    """The same where a rate holds: what came back is written down before anything may wait."""
    errand = Errand(campaign, _token(courier, campaign))
    until = time.monotonic() + LONGEST_LIST.total_seconds()
    while waiting and not courier.closing() and time.monotonic() < until:
        sequence = waiting.popleft()
        if not _in_turn(courier, campaign, sequence):
            continue
        asked_at = clock()
        claim = _exchange(courier, None, (campaign.id, sequence))
        if claim is not None:
            _exchange(courier, attempt(courier, errand, claim, asked_at), None)
        elif is_the_last(courier, (campaign.id, sequence)):
            return


def _token(courier: Courier, campaign: Sendable) -> Secret:
    """The token of the campaign's account; without it the campaign pauses."""
    try:
        return courier.settings.require_token(campaign.account)
    except SettingError as error:
        with transaction(courier.engine) as connection:
            transitions.pause_itself(connection, campaign.id, f"{courier.worker}: {error}")
        raise


def _in_turn(courier: Courier, campaign: Sendable, sequence: int) -> bool:
    """Take a place in the campaign's and the account's rate; without one, give the chunk back."""
    place = courier.rate_limit.take(
        {
            f"campaign:{campaign.id}": campaign.rate,
            f"account:{campaign.account}": courier.settings.rate,
        }
    )
    if not place.taken:
        give_back(courier, campaign.id, [sequence])
    elif place.wait:
        time.sleep(place.wait.total_seconds())
    return place.taken


def _exchange(courier: Courier, last: Report | None, wanted: Wish | None) -> Claim | None:
    """Record the last attempt and claim the next chunk, in one commit where that is possible.

    Where the commit's reply is lost this raises, once the last attempt is recorded, and nothing is
    sent.
    """
    if last is not None and last.concerns_others:
        record(courier, last)
        last = None
    if last is None and wanted is None:
        return None
    try:
        answer = courier.group_commit.exchange(last, wanted)
    except Exception:
        if last is not None:
            record(courier, last)
        if wanted is not None:
            raise
        return None
    if last is not None and not answer.recorded:
        record(courier, last)
    elif last is not None:
        tell(courier, last, recorded=True)
    return answer.claim
