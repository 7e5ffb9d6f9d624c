"""The relay: every worker process carries one, and one of them leads.

The others look in each second, so that nothing waits long for a leader that is gone. Whoever gets
the round's lock does the round: two may think that they lead.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

from celery import Celery
from sqlalchemy import Engine

from dispatcher import publishing
from dispatcher.books.troubles import words_of
from dispatcher.books.upkeep import Terms
from dispatcher.errors import DispatcherError
from dispatcher.publishing import Gauge
from dispatcher.tracing import Tracer
from workers.fencing import Fencing
from workers.pulse import Movement, Pulse
from workers.sweep import Sweep
from workers.traces import tell_of_the_ended

_ROUND = 0.2
_SWEEP_EVERY = 1.0
_SHORT_ROUND = 0.05
_AFTER_TROUBLE = 0.5
_TIME_TO_END = 5.0

log = logging.getLogger("dispatcher.relay")


class Relay:
    """Publishes what is due every 0.2 s, or sooner where that is worth it; sweeps every second.

    While another leads it looks for something to publish every second, and sweeps nothing. Signs of
    life come from a thread and an engine of their own, `life`, of one connection.

    `window` is the usable part of the vendor's window, `account_rate` the account's limit in
    requests a second, `slots` how many requests this worker makes at once, `keep_audience` how long
    an audience is kept after its campaign's end, `gauge` how far places in rates are given out;
    `fencing` looks each second whether the books are still the same, `tracer` is told of campaigns
    that have ended.
    """

    def __init__(
        self,
        engine: Engine,
        app: Celery,
        *,
        life: Engine,
        worker: str,
        slots: int,
        window: timedelta,
        account_rate: float | None,
        gauge: Gauge,
        keep_audience: timedelta | None,
        fencing: Fencing,
        tracer: Tracer,
    ) -> None:
        self._engine = engine
        self._bell = publishing.Bell(app)
        self._published_last, self._swept_last = Movement(), Movement()
        moves = (self._published_last, self._swept_last)
        self.pulse = Pulse(life, moves, worker=worker, slots=slots, account_rate=account_rate)
        self._account_rate = account_rate
        self._gauge = gauge
        self._closing = threading.Event()
        terms = Terms.of(window, keep_audience)
        self._fencing = fencing
        summed = partial(tell_of_the_ended, engine, tracer)
        self._sweep = Sweep(engine, terms, self._swept_last.moved, self._closing.is_set, summed)
        self._published = publishing.NOTHING
        self._unpublished: set[UUID] = set()
        self._woken = threading.Event()
        self._troubled: set[str] = set()
        self._threads = [
            threading.Thread(target=loop, name=name, daemon=True)
            for name, loop in (("relay", self._publish_on), ("sweep", self._sweep_on))
        ]

    def start(self) -> None:
        """Go round until `stop`."""
        self.pulse.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End with the present round, and let the fleet know that these slots are gone."""
        self._closing.set()
        self._woken.set()
        until = time.monotonic() + _TIME_TO_END
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))
        self._attempt(self.look_at_the_fence)
        self._attempt(self.pulse.stop)
        self._bell.close()

    def sum_up(self) -> None:
        """Once everything of this worker is recorded: it may have been the last one."""
        self._attempt(self._sweep.sum_up)

    def wake(self) -> None:
        """Do not wait for the next round's time."""
        self._woken.set()

    def _publish_on(self) -> None:
        while not self._closing.is_set():
            self._woken.clear()
            self._attempt(self.publish)
            self._published_last.moved()
            self._closing.wait(_SHORT_ROUND)
            if not self._published.soon:
                self._woken.wait(self._rest())

    def _sweep_on(self) -> None:
        """In a thread of its own: what is due to be sent does not wait for the books."""
        while not self._closing.is_set():
            began = time.monotonic()
            self._attempt(self.look_at_the_fence)
            self._attempt(self.sweep)
            self._swept_last.moved()
            self._closing.wait(max(_SHORT_ROUND, began + _SWEEP_EVERY - time.monotonic()))

    def _rest(self) -> float:
        """How long to wait for the next round: whoever found something may find more."""
        often = self.pulse.leads or self._published.batches
        return (_ROUND if often else _SWEEP_EVERY) - _SHORT_ROUND

    def publish(self) -> None:
        """Top up, unless another worker's relay is at it."""
        self._published = publishing.NOTHING
        self._published = publishing.top_up(
            self._engine, self._bell, self._account_rate, self._gauge
        )
        self._tell_unpublished(self._published)

    def _tell_unpublished(self, plan: publishing.Plan) -> None:
        """Name a campaign once whose chunks cannot be marked, and when they can again."""
        for campaign_id in plan.failed.keys() - self._unpublished:
            log.warning(
                "campaign %s cannot be published: %s. Trying again until it works; "
                "the others go on",
                *(campaign_id, words_of(plan.failed[campaign_id]).rstrip(".")),
                extra={"campaign": str(campaign_id)},
            )
        again = self._unpublished & {batch.campaign_id for batch in plan.batches}
        for campaign_id in again:
            log.warning("campaign %s can be published again", campaign_id)
        self._unpublished = (self._unpublished | plan.failed.keys()) - again

    def look_at_the_fence(self) -> None:
        """Whether the books are still those that this worker knew."""
        self._fencing.check(leads=self.pulse.leads)

    def sweep(self) -> None:
        """Everything that time alone changes; nothing while another leads."""
        if self.pulse.leads:
            self._sweep.run()

    def _attempt(self, duty: Callable[[], None]) -> None:
        """A duty that fails is tried again next round; the first time and the recovery are told."""
        name = duty.__name__
        try:
            duty()
        except DispatcherError as error:
            if name not in self._troubled:
                log.warning("%s Trying again until it works.", error)
        except Exception:
            if name not in self._troubled:
                log.exception("the relay cannot %s; it tries again", name.strip("_"))
        else:
            if name in self._troubled:
                log.warning("the relay can %s again", name.strip("_"))
            self._troubled.discard(name)
            return
        self._troubled.add(name)
        self._closing.wait(_AFTER_TROUBLE)
