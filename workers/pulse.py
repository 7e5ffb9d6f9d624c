"""A worker's sign of life: given every second, whatever the rest of the worker is doing."""

import logging
import threading
import time
from collections.abc import Collection

from sqlalchemy import Engine

from dispatcher.books import fleet
from dispatcher.books.session import transaction
from dispatcher.errors import DispatcherError

_EVERY = 1.0
_MAY_LEAD_FOR = 10.0
_ALIVE_FOR = 90.0

log = logging.getLogger("dispatcher.relay")


class Movement:
    """When a part of the relay last got somewhere: a transaction ended, well or not."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def moved(self) -> None:
        """It has just got somewhere."""
        self._last = time.monotonic()

    @property
    def still_for(self) -> float:
        """For how many seconds it has not."""
        return time.monotonic() - self._last


class Pulse:
    """Says every second that this worker lives, with a thread and a connection of its own.

    A relay that is slow does not make the worker dead. One that gets nowhere for ten seconds does
    not lead, as nobody would sweep meanwhile; one that gets nowhere for longer than any of its
    statements may take stands still for good, and then its worker is not called alive.
    """

    def __init__(
        self,
        engine: Engine,
        moves: Collection[Movement],
        *,
        worker: str,
        slots: int,
        account_rate: float | None = None,
    ) -> None:
        self.leads = True
        self._engine = engine
        self._moves = moves
        self._worker = worker
        self._slots = slots
        self._account_rate = account_rate
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self._troubled = False

    def start(self) -> None:
        """Give signs of life until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Give no more of them, and let the fleet know that these slots are gone."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=5)
        with transaction(self._engine) as connection:
            fleet.gone(connection, self._worker)

    def beat(self) -> None:
        """Give one sign of life, and learn whether this worker leads."""
        still = max(movement.still_for for movement in self._moves)
        if still > _ALIVE_FOR:
            raise _StandsStill(
                f"This worker's relay has got nowhere for {still:.0f} s: it is no longer counted "
                "as alive. Restart the worker."
            )
        with transaction(self._engine) as connection:
            relays = still < _MAY_LEAD_FOR
            self.leads = fleet.seen(
                connection, self._worker, self._slots, self._account_rate, relays=relays
            )

    def _run(self) -> None:
        while not self._closing.is_set():
            began = time.monotonic()
            self._tell(self._attempt())
            self._closing.wait(max(0.0, began + _EVERY - time.monotonic()))

    def _attempt(self) -> Exception | None:
        try:
            self.beat()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next sign may get through
            return error
        return None

    def _tell(self, error: Exception | None) -> None:
        """The first failure and the end of them."""
        if error is not None and not self._troubled:
            unforeseen = None if isinstance(error, DispatcherError) else error
            log.warning("no sign of life: %s", error, exc_info=unforeseen)
        elif error is None and self._troubled:
            log.warning("this worker gives signs of life again")
        self._troubled = error is not None


class _StandsStill(DispatcherError):
    """The relay gets nowhere, and with it this worker."""
