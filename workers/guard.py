"""Whether Celery's main thread goes on; where the broker does not let it, its connections are cut.

All that Celery does with the broker it does in one thread, which hears no order to stop while it
waits there. It beats wherever it comes by; a thread of its own looks at it.
"""

import logging
import os
import threading
from collections.abc import Callable

_LOOK_EVERY = 1.0
_PATIENCE = 12
"""Looks without a beat until its connections are cut: longer than any wait for an answer."""
_PATIENCE_AT_THE_END = 4
_MOST_CUTS = 3

log = logging.getLogger("dispatcher.worker")


class Guard:
    """Beats while the main thread goes on, and helps it where it does not.

    `cut` ends the connections under the main thread; `close` is to begin nothing new and return
    when what is on the wire has come back, as the process ends behind it.

    Looks are counted, and not seconds: a process that was frozen for an hour has missed none.
    """

    def __init__(self, cut: Callable[[], None], close: Callable[[], None]) -> None:
        self._cut = cut
        self._close = close
        self._beaten = True
        self._resting = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="guard", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def beat(self) -> None:
        """The main thread is here."""
        self._beaten = True
        self._resting = False

    def rest(self) -> None:
        """The main thread waits for something other than the broker, until its next beat."""
        self._resting = True

    def hurry(self) -> None:
        """The worker is to stop: nothing is worth a long wait any more."""
        self._closing = True

    def _run(self) -> None:
        pause = threading.Event()
        missed = cuts = 0
        while True:
            pause.wait(_LOOK_EVERY)
            if self._beaten or self._resting:
                self._beaten = False
                missed = cuts = 0
                continue
            missed += 1
            if missed < (_PATIENCE_AT_THE_END if self._closing else _PATIENCE):
                continue
            missed = 0
            if cuts == _MOST_CUTS:
                self._end()
            cuts += 1
            log.warning("the broker has not answered for long: its connections are cut")
            self._cut()

    def _end(self) -> None:
        """Leave, as the main thread never will."""
        if self._closing:
            log.warning("the broker does not let go of this worker, which ends without a farewell")
        else:
            log.critical(
                "This worker hears nothing any more and cannot help itself: it ends, to be started "
                "again."
            )
        self._close()
        os._exit(0 if self._closing else 1)
