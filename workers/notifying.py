"""Delivers webhooks, beside all that sends: whoever hangs holds up nobody else, and no campaign.

A thread looks into the outbox each second and takes what is due, one of a receiver at a time; each
delivery has a thread of its own for as long as it lasts.
"""

import logging
import queue
import random
import threading
import time
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from dispatcher.books import outbox
from dispatcher.books.outbox import Delivery
from dispatcher.books.session import transaction, wait_shortly
from dispatcher.books.troubles import concerns_its_rows
from workers.receiver import TIMEOUT, NotTold, Receivers

GIVE_UP_AFTER = timedelta(days=1)

_MOST_AT_ONCE = 8
_LEASE = timedelta(seconds=3 * TIMEOUT)
"""How long a delivery is another worker's to leave alone: the request's time, and the record's."""
_ROUND = 1.0
_PRUNE_EVERY = 600.0
_TIME_TO_END = 2.0
_SHORTEST_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(hours=1)
_GONE = 410

log = logging.getLogger("dispatcher.webhooks")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an attempt came to: a status, or why there is none."""

    delivery: Delivery
    http_status: int | None
    error: str | None

    @property
    def delivered(self) -> bool:
        """Standard Webhooks: any 2xx; a redirect is none."""
        return self.http_status is not None and 200 <= self.http_status < 300


def pause_after(tried_for: timedelta, chance: float) -> timedelta | None:
    """How long to wait once it was tried in vain for so long; None after a day. PURE.

    As long again, from a second to an hour; `chance`, from 0 to 1, spreads it by a quarter.
    """
    if tried_for >= GIVE_UP_AFTER:
        return None
    return min(max(tried_for, _SHORTEST_PAUSE), _LONGEST_PAUSE) * (0.75 + chance / 2)


class Notifier:
    """Delivers what the outbox holds until `stop`."""

    def __init__(self, engine: Engine, receivers: Receivers) -> None:
        self._engine = engine
        self._receivers = receivers
        self._busy: set[str] = set()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._unrecorded: list[Answer] = []
        self._woken = threading.Event()
        self._closing = threading.Event()
        self._prune_at = self._until = 0.0
        self._troubled = False
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Go round until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no delivery; what does not come back soon is another worker's after its lease."""
        self._until = time.monotonic() + _TIME_TO_END
        self._closing.set()
        self._woken.set()
        self._thread.join(timeout=_TIME_TO_END + _ROUND)

    def _goes_on(self) -> bool:
        return not self._closing.is_set() or (bool(self._busy) and time.monotonic() < self._until)

    def _run(self) -> None:
        while self._goes_on():
            self._woken.clear()
            try:
                self.round()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next round tries again
                if not self._troubled:
                    log.warning("webhooks wait: %s Trying again until it works.", error)
                self._troubled = True
            else:
                if self._troubled:
                    log.warning("webhooks go on")
                self._troubled = False
            self._woken.wait(_ROUND)

    def round(self) -> None:
        """Write down what came back, and begin what is due.

        What the database refuses of one receiver is raised once all others are done.
        """
        refused = self._record()
        if not self._closing.is_set():
            self._begin_due()
        if time.monotonic() >= self._prune_at and not self._closing.is_set():
            with transaction(self._engine) as connection:
                outbox.prune(connection)
            self._prune_at = time.monotonic() + _PRUNE_EVERY
        if refused is not None:
            raise refused

    def _begin_due(self) -> None:
        most = _MOST_AT_ONCE - len(self._busy)
        if most > 0:
            with transaction(self._engine) as connection:
                due = outbox.take(connection, self._busy, most=most, lease=_LEASE)
            for delivery in due:
                self._begin(delivery)

    def _begin(self, delivery: Delivery) -> None:
        name = f"webhook {delivery.id}"
        threading.Thread(target=self._deliver, args=(delivery,), name=name, daemon=True).start()
        self._busy.add(delivery.origin)

    def _deliver(self, delivery: Delivery) -> None:
        try:
            status = self._receivers.tell(delivery.url, delivery.id, delivery.body)
            answer = Answer(delivery, status, None)
        except NotTold as error:
            answer = Answer(delivery, None, str(error))
        except Exception as error:
            log.exception("webhook %s cannot be delivered", delivery.id)
            answer = Answer(delivery, None, type(error).__name__)
        self._answers.put(answer)
        self._woken.set()

    def _record(self) -> Exception | None:
        """What cannot be written down now is kept for the next round; what kept one of them."""
        while not self._answers.empty():
            self._unrecorded.append(self._answers.get())
        refused: Exception | None = None
        for answer in tuple(self._unrecorded):
            try:
                self._record_one(answer)
            except Exception as error:
                if not concerns_its_rows(error):
                    raise
                refused = error
            else:
                self._unrecorded.remove(answer)
                self._busy.discard(answer.delivery.origin)
        return refused

    def _record_one(self, answer: Answer) -> None:
        delivery = answer.delivery
        pause = pause_after(delivery.tried_for, random.random())
        if answer.http_status == _GONE:
            pause = None
        with transaction(self._engine) as connection:
            wait_shortly(connection)
            outbox.record(
                connection,
                delivery,
                delivered=answer.delivered,
                http_status=answer.http_status,
                error=answer.error,
                again_in=None if answer.delivered else pause,
            )
        if not answer.delivered and (pause is None or delivery.attempt == 1):
            _tell(answer, "given up" if pause is None else "tried again")


def _tell(answer: Answer, what: str) -> None:
    """Once at the first attempt in vain, and once at the last."""
    delivery = answer.delivery
    said = answer.error or f"HTTP {answer.http_status}"
    log.warning(
        "webhook %d of campaign %s to %s is not delivered, and is %s: %s",
        *(delivery.sequence, delivery.campaign_id, delivery.origin, what, said),
        extra={"campaign": str(delivery.campaign_id)},
    )
