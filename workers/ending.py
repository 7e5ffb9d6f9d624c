"""What ends a worker at once, and what it leaves behind then."""

import logging
import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any
from uuid import UUID

from celery import signals
from celery.worker import state
from sqlalchemy.exc import SQLAlchemyError

from dispatcher.books import transitions
from dispatcher.books.session import transaction
from dispatcher.errors import DispatcherError
from workers.wiring import Process

_LOOK_EVERY = 0.2

log = logging.getLogger("dispatcher.worker")


_taken: list[Any] = []
"""Messages that had been taken when the order to stop came: Celery forgets those not begun."""


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _remember(**_: Any) -> None:
    _taken.extend(state.requests.values())


def take_over(process: Process) -> None:
    """Let SIGQUIT, and a second Ctrl-C, end this process at once; not as Celery would.

    Celery waits for its threads in the signal's handler, and tells each that it is cancelled.
    """

    def at_once(_signal: int, _frame: FrameType | None) -> None:
        process.close()
        # Not in a handler: what it interrupted may hold the locks that this needs.
        threading.Thread(target=_end_at_once, args=(process,), daemon=True).start()

    def gracefully(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, at_once)
        os.write(2, b"\nWhat is on the wire is finished first; Ctrl-C again ends at once.\n")
        _remember()
        process.close()
        state.should_stop = 0

    signal.signal(signal.SIGQUIT, at_once)
    signal.signal(signal.SIGINT, gracefully)
    if os.environ.get("REMAP_SIGTERM") == "SIGQUIT":
        signal.signal(signal.SIGTERM, at_once)


def leave(process: Process) -> None:
    """Begin nothing more, and let what is on the wire come back, as far as its lease."""
    process.close()
    process.stand_still()
    until = time.monotonic() + process.courier.settings.lease.total_seconds()
    while process.at_work and time.monotonic() < until:
        time.sleep(_LOOK_EVERY)


def _end_at_once(process: Process) -> None:
    """Give back what has not begun; what is on the wire is found when its lease has run out."""
    log.warning(
        "It ends at once, with %d slots at work: what is on the wire is asked for again when "
        "its lease is over.",
        process.at_work,
    )
    given: set[str] = set()
    try:
        process.relay.stop()
        # Messages go on arriving until the very end.
        while fresh := [one for one in [*_taken, *state.requests.values()] if one.id not in given]:
            for request in fresh:
                given.add(request.id)
                _give_back(process, request)
    finally:
        logging.shutdown()
        os._exit(0)


def _give_back(process: Process, request: Any) -> None:
    """Those chunks of a message that nobody has claimed are due again now, not in half a minute."""
    unusable = (TypeError, ValueError)
    with suppress(DispatcherError, SQLAlchemyError, *unusable):
        campaign_id, sequences = request.args
        with transaction(process.courier.engine) as books:
            transitions.give_back(books, UUID(campaign_id), sequences)
