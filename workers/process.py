"""A worker process from its start to its end: wiring, relay, and what SIGTERM means."""

import sys
import warnings
from functools import partial
from typing import Any

from celery import bootsteps, signals
from celery.exceptions import SecurityWarning

from dispatcher.diagnostics import redact_tracebacks
from dispatcher.errors import CallerError, DispatcherError
from dispatcher.settings import read_settings
from workers import ending, logs, transports, wiring
from workers.app import app
from workers.consumer import Beat
from workers.events import EventsTogether
from workers.guard import Guard

# Root reading pickled messages is what this warns of; this worker reads nothing but JSON.
warnings.filterwarnings("ignore", "You're running the worker with superuser", SecurityWarning)

transports.install(wiring.heard)


class RelayStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Starts the relay behind the pool, and stops it before the pool waits for its threads."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        redact_tracebacks()
        try:
            self._process = wiring.begin(
                read_settings(), worker.app, worker.hostname, int(worker.concurrency)
            )
        except DispatcherError as error:
            print(error, file=sys.stderr)
            raise SystemExit(2 if isinstance(error, CallerError) else 1) from error

    def start(self, worker: Any) -> None:
        """Begin to publish, to sweep, and to look whether the worker goes on and hears."""
        consumer = worker.consumer
        consumer.guard = Guard(consumer.cut, partial(ending.leave, self._process))
        hearing = wiring.hearing_of(self._process, consumer)
        self._process.listen(worker.pool, consumer.guard, hearing)
        ending.take_over(self._process)
        self._process.go_round()

    def stop(self, worker: Any) -> None:
        """Claim nothing more: `control shutdown` sends no signal of its own."""
        self._process.close()
        # The relay ends with PostgreSQL's help, and then the pool with what is on the wire.
        self._process.rest()
        self._process.stand_still()

    terminate = stop


app.steps["worker"].add(RelayStep)
app.steps["consumer"].add(EventsTogether)
app.steps["consumer"].add(Beat)


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _claim_nothing_more(**_: Any) -> None:
    wiring.current().close()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _sum_up(**_: Any) -> None:
    """Once the pool's threads have ended: nothing of this worker is on the wire any more."""
    process = wiring.current()
    process.rest()
    process.relay.sum_up()


@signals.after_setup_task_logger.connect  # type: ignore[untyped-decorator]
@signals.after_setup_logger.connect  # type: ignore[untyped-decorator]
def _set_up_logs(logger: Any, **_: Any) -> None:
    logs.set_up(logger, json_lines=read_settings().json_logs)
