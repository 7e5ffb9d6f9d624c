"""A worker process from its start to its end: wiring, relay, and what SIGTERM means."""

import sys
import warnings
from typing import Any

from celery import bootsteps, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

from dispatcher.errors import CallerError, DispatcherError
from dispatcher.settings import read_settings
from workers import logs, transports, wiring
from workers.app import app
from workers.events import EventsTogether

# Root reading pickled messages is what this warns of; this worker reads nothing but JSON.
warnings.filterwarnings("ignore", "You're running the worker with superuser", SecurityWarning)

transports.install()


class RelayStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Starts the relay behind the pool, and stops it before the pool waits for its threads."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        try:
            self._process = wiring.begin(
                read_settings(), worker.app, worker.hostname, int(worker.concurrency)
            )
        except DispatcherError as error:
            print(error, file=sys.stderr)
            raise SystemExit(2 if isinstance(error, CallerError) else 1) from error

    def start(self, worker: Any) -> None:
        """Begin to publish and to sweep."""
        self._process.relay.start()

    def stop(self, worker: Any) -> None:
        """Claim nothing more: `control shutdown` sends no signal of its own."""
        self._process.closing = True
        self._process.relay.stop()


app.steps["worker"].add(RelayStep)
app.steps["consumer"].add(EventsTogether)


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _claim_nothing_more(**_: Any) -> None:
    wiring.current().closing = True


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _sum_up(**_: Any) -> None:
    """Once the pool's threads have ended: nothing of this worker is on the wire any more."""
    wiring.current().relay.sum_up()


@signals.after_setup_logger.connect  # type: ignore[untyped-decorator]
def _set_up_logs(logger: Any, **_: Any) -> None:
    logs.set_up(logger, json_lines=read_settings().json_logs)


@signals.celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def _spare_the_log(**_: Any) -> None:
    """Said at every loss of the broker, of a setting that this worker makes on purpose."""
    warnings.filterwarnings("ignore", "\nIn Celery 5.1 we introduced", CPendingDeprecationWarning)
