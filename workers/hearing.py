"""Whether this worker hears of what is to be sent; a deaf one is helped, or ends.

Being alive proves nothing: a worker was seen to consume nothing for days. What counts is that
messages which wait for somebody are taken.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

from celery.worker import state
from sqlalchemy import Engine

from dispatcher import publishing
from dispatcher.books import fleet
from dispatcher.books.session import transaction
from dispatcher.errors import DispatcherError
from workers.consumer import PatientConsumer
from workers.watchdog import clock

_LOOK_EVERY = 1.0
_SILENT_FOR = 10
"""Looks without a message, while a slot is free, until it is asked whether any is waiting."""
_UNCLAIMED_FOR = timedelta(seconds=10)
_LOST_FOR = timedelta(seconds=20)
"""As old it lies in no queue: somebody may have been sent it who did not hear."""
_MOST_TRIES = 3
_TIME_TO_COME = 0.1
"""Seconds until a slot that was called away is not counted on any more: another one is called."""

log = logging.getLogger("dispatcher.worker")


class Hearing:
    """Looks every second whether the worker takes messages, and writes down why it does not.

    `free` tells how many slots are idle, or, below zero, how many messages wait for one; `bell`
    asks by a connection of its own.
    """

    def __init__(
        self,
        engine: Engine,
        bell: publishing.Bell,
        consumer: PatientConsumer,
        *,
        worker: str,
        free: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._bell = bell
        self._consumer = consumer
        self._worker = worker
        self._free = free
        self._silent_for = 0
        self._tries = 0
        self._told: str | None = None
        self._troubled = False
        self._went_on = False
        self._calling = threading.Lock()
        self._called = 0
        self._called_until = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hearing", daemon=True)

    def start(self) -> None:
        """Look until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._closing.set()

    def heard(self) -> None:
        """A message was taken off the queue, whoever's it is."""
        self._silent_for = 0
        self._tries = 0

    def nobody_waits(self) -> bool:
        """Whether a slot that asks may go on with its campaign: no message that came waits for it.

        For each message that waits one slot is called away, and others go on. One that goes on is
        as good as free. Where a person took the queue away all shall end.
        """
        with self._calling:
            if clock() > self._called_until:
                self._called = 0
            if -self._free() > self._called:
                self._called += 1
                self._called_until = clock() + _TIME_TO_COME
                return False
        self._went_on = True
        return self._told is None or not self._told.startswith(fleet.ELSEWHERE)

    def _run(self) -> None:
        while not self._closing.wait(_LOOK_EVERY):
            self._attempt()

    def _attempt(self) -> None:
        """A look that fails is tried again; what the relay does not tell anyway is told once."""
        words = "the worker's hearing cannot be looked at; it tries again"
        try:
            self._look()
        except DispatcherError:
            log.debug(words, exc_info=True)
        except Exception:
            log.log(logging.DEBUG if self._troubled else logging.ERROR, words, exc_info=True)
            self._troubled = True
        else:
            self._troubled = False

    def _look(self) -> None:
        self._tell(self._consumer.silence())
        free = self._went_on or self._free() > 0
        self._went_on = False
        self._silent_for = self._silent_for + 1 if free else 0
        if self._silent_for >= _SILENT_FOR and self._told is None and self._is_deaf():
            self._help()

    def _tell(self, silence: str | None) -> None:
        if silence == self._told:
            return
        with transaction(self._engine) as connection:
            if fleet.tell_silence(connection, self._worker, silence):
                self._told = silence

    def _is_deaf(self) -> bool:
        """Whether what it does not hear waits in the queue, or was lost on the way to somebody."""
        self._silent_for = _SILENT_FOR // 2
        with transaction(self._engine) as connection:
            unclaimed = fleet.unclaimed_for(connection)
        if unclaimed < _UNCLAIMED_FOR:
            return False
        with closing(self._bell) as bell:
            waiting = bell.look().messages > 0
        if waiting and self._tries == _MOST_TRIES:
            log.critical(
                "This worker hears none of the messages that wait, nor did new consumers: it ends, "
                "to be started again."
            )
            state.should_stop = 1
        return waiting or unclaimed > _LOST_FOR

    def _help(self) -> None:
        self._silent_for = 0
        self._tries = min(self._tries + 1, _MOST_TRIES)
        log.warning("no message came for long though some are waiting: the consumer starts anew")
        self._consumer.start_anew()
