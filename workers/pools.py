"""One pool for every worker, threads; and what asks for another or for more is told why not."""

import logging
import sys
from typing import Any

from celery import signals
from celery.concurrency.thread import TaskPool
from celery.worker.control import Panel

from dispatcher.errors import OptionError
from dispatcher.pools import BECOME_THREADS, check_pool

log = logging.getLogger("dispatcher.worker")


class Slots(TaskPool):  # type: ignore[misc]
    """A thread for each request at once."""

    __module__ = TaskPool.__module__  # what Celery's banner calls the pool

    def terminate_job(self, pid: int, signal: object = None) -> None:
        """Nothing: a thread cannot be ended, and its request may be on the wire."""

    def waiting(self) -> int:
        """How many messages wait for a thread.

        Celery forgets those that it has reserved when it connects to the broker anew.
        """
        return int(self.executor._work_queue.qsize())


def asked_for() -> str | None:
    """The pool of this command line; SystemExit with a sentence where a worker cannot have it."""
    try:
        return check_pool(sys.argv[1:])
    except OptionError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from error


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _choose_pool(sender: Any, **_: Any) -> None:
    """Threads, whatever was asked for."""
    asked = asked_for()
    if asked in BECOME_THREADS:
        print(
            f"A worker's slots are threads: --pool {asked} becomes --pool threads.", file=sys.stderr
        )
    sender.pool_cls = Slots


_SLOTS = "a worker's slots are those it was started with (--concurrency): start another worker"
_DO_NOT_APPLY = {
    "pool_grow": _SLOTS,
    "pool_shrink": _SLOTS,
    "autoscale": _SLOTS,
    "pool_restart": "a worker is restarted as a process: SIGTERM ends it when all is recorded",
    "rate_limit": "rates are the campaign's, `dispatcher rate`, and the account's, DISPATCHER_RATE",
    "time_limit": "a request's time is DISPATCHER_REQUEST_TIMEOUT",
    "terminate": "a request on the wire cannot be ended: pause or cancel its campaign",
}
"""Celery's remote commands, by name, and what to do instead."""


def _answer(name: str) -> None:
    def does_not_apply(_state: Any, **_: Any) -> dict[str, str]:
        return {"error": f"{name} does not apply: {_DO_NOT_APPLY[name]}"}

    Panel.data[name] = does_not_apply


for _name in _DO_NOT_APPLY:
    _answer(_name)
