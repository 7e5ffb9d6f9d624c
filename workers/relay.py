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

from celery import Celery
from sqlalchemy import Connection, Engine

from dispatcher import publishing
from dispatcher.books import campaigns, fleet, keeping, transitions
from dispatcher.books.session import transaction, try_lock
from dispatcher.errors import DispatcherError

_ROUND = 0.2
_SWEEP_EVERY = 1.0
_SHORT_ROUND = 0.05
_UNCLAIMED_AFTER = timedelta(seconds=30)
_UNCLAIMED_PART = 0.25
"""Of the window at most: a chunk in doubt whose message was lost can still be asked about."""
_SWEEP_LOCK = 0x73776570
_AFTER_TROUBLE = 0.5

log = logging.getLogger("dispatcher.relay")


class Relay:
    """Publishes what is due every 0.2 s, or sooner where that is worth it; sweeps every second.

    While another leads it looks for something to publish every second, and sweeps nothing.

    `window` is the usable part of the vendor's window, `account_rate` the account's limit in
    requests a second, `slots` how many requests this worker makes at once, `keep_audience` how long
    an audience is kept after its campaign's end.
    """

    def __init__(
        self,
        engine: Engine,
        app: Celery,
        *,
        worker: str,
        slots: int,
        window: timedelta,
        account_rate: float | None,
        keep_audience: timedelta | None,
    ) -> None:
        self._engine = engine
        self._bell = publishing.Bell(app)
        self._worker = worker
        self._slots = slots
        self._window = window
        self._unclaimed_after = min(_UNCLAIMED_AFTER, window * _UNCLAIMED_PART)
        self._account_rate = account_rate
        self._keep_audience = keep_audience
        self._closing = threading.Event()
        self._leads = True
        self._published = publishing.NOTHING
        self._woken = threading.Event()
        self._troubled: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        """Go round until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """End with the present round, and let the fleet know that these slots are gone."""
        self._closing.set()
        self._woken.set()
        self._thread.join(timeout=5)
        self._attempt(self._leave)
        self._bell.close()

    def wake(self) -> None:
        """Do not wait for the next round's time."""
        self._woken.set()

    def _run(self) -> None:
        next_sweep = 0.0
        while not self._closing.is_set():
            self._woken.clear()
            if time.monotonic() >= next_sweep:
                next_sweep = time.monotonic() + _SWEEP_EVERY
                self._attempt(self.sweep)
            self._attempt(self.publish)
            self._closing.wait(_SHORT_ROUND)
            if not self._published.soon:
                self._woken.wait(self._rest())

    def _rest(self) -> float:
        """How long to wait for the next round: whoever found something may find more."""
        often = self._leads or self._published.batches
        return (_ROUND if often else _SWEEP_EVERY) - _SHORT_ROUND

    def publish(self) -> None:
        """Top up, unless another worker's relay is at it."""
        self._published = publishing.NOTHING
        self._published = publishing.top_up(self._engine, self._bell, self._account_rate)

    def sweep(self) -> None:
        """Everything that time alone changes, in short transactions.

        Nothing but a sign of life while another leads.
        """
        with transaction(self._engine) as connection:
            self._leads = fleet.seen(connection, self._worker, self._slots)
        if not self._leads:
            return
        for step in self._sweep_all():
            with transaction(self._engine) as connection:
                if try_lock(connection, _SWEEP_LOCK):
                    step(connection)

    def _sweep_all(self) -> list[Callable[[Connection], object]]:
        """Do what takes one statement for all campaigns; the steps that take one for each.

        None where another worker's relay is at it.
        """
        with transaction(self._engine) as connection:
            if not try_lock(connection, _SWEEP_LOCK):
                return []
            transitions.start_due(connection)
            transitions.take_back_lost_leases(connection)
            transitions.unmark_unclaimed(connection, self._unclaimed_after)
        with transaction(self._engine) as connection:
            if not try_lock(connection, _SWEEP_LOCK):
                return []
            fleet.forget_the_dead(connection)
            closed = campaigns.with_closed_windows(connection, self._window)
            overdue = campaigns.overdue(connection)
            unsettled = campaigns.unsettled(connection)
            kept = keeping.due(connection, self._keep_audience, most=1)
        settle = partial(transitions.settle_closed_windows, window=self._window)
        purge = partial(transitions.purge, keep=self._keep_audience)
        return [
            *(partial(settle, campaign_id=campaign_id) for campaign_id in closed),
            *(partial(transitions.expire, campaign_id=campaign_id) for campaign_id in overdue),
            *(partial(transitions.roll_up, campaign_id=campaign_id) for campaign_id in unsettled),
            *(partial(purge, campaign_id=campaign_id) for campaign_id in kept),
        ]

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
        time.sleep(_AFTER_TROUBLE)

    def _leave(self) -> None:
        with transaction(self._engine) as connection:
            fleet.gone(connection, self._worker)
