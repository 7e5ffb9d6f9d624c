"""One pool for every worker, threads; and what asks for another or for more is told why not."""

import logging
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from celery import signals
from celery.concurrency.thread import TaskPool
from celery.worker.control import Panel

from dispatcher.errors import OptionError
from dispatcher.pools import BECOME_THREADS, check_pool

log = logging.getLogger("dispatcher.worker")


_TO_SPARE = 32
"""Threads for what a worker does besides: its relay, its connections' names, its libraries."""


class _Counted(ThreadPoolExecutor):
    """Threads that are counted: how many have nothing to do, or how much waits for one."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self._counting = threading.Lock()
        self._free = threads
        self._has_ended = False

    def start_all(self) -> bool:
        """Start the threads: under load, to start one is to wait for the interpreter twice.

        False where the machine has not as many, and some to spare.
        """
        gate = threading.Event()
        try:
            for _ in range(_TO_SPARE):
                threading.Thread(target=gate.wait, daemon=True).start()
            waiting = [self.submit(gate.wait) for _ in range(self._free)]
        except RuntimeError:
            return False
        finally:
            gate.set()
        wait(waiting)
        return True

    def free(self) -> int:
        """How many threads have nothing to do; below zero, how much waits for one."""
        return self._free

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self._take(1)
        return self._submit_taken(partial(work, *args, **kwargs))

    def enlist(self, work: Callable[[], None]) -> bool:
        """Have a thread do this that has nothing to do; False where there is none."""
        with self._counting:
            if self._free <= 0:
                return False
            self._free -= 1
        try:
            self._submit_taken(work)
        except RuntimeError:
            return not self._has_ended  # else no thread could be started, and another one takes it
        return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._has_ended = True
        super().shutdown(wait, cancel_futures=cancel_futures)

    def _submit_taken(self, work: Callable[[], Any]) -> "Future[Any]":
        def counted() -> Any:
            try:
                return work()
            finally:
                self._take(-1)

        try:
            future = super().submit(counted)
        except RuntimeError:
            if self._has_ended:
                self._take(-1)
            raise
        future.add_done_callback(self._forget_cancelled)
        return future

    def _forget_cancelled(self, future: "Future[Any]") -> None:
        if future.cancelled():
            self._take(-1)

    def _take(self, threads: int) -> None:
        with self._counting:
            self._free -= threads


class Slots(TaskPool):  # type: ignore[misc]
    """A thread for each request at once."""

    __module__ = TaskPool.__module__  # what Celery's banner calls the pool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.executor = _Counted(self.limit)

    def on_start(self) -> None:
        """The worker starts; where threads are few, it has those that it comes to need."""
        if not self.executor.start_all():
            self.executor.shutdown()
            self.executor = _Counted(self.limit)

    def terminate_job(self, pid: int, signal: object = None) -> None:
        """Nothing: a thread cannot be ended, and its request may be on the wire."""

    def free(self) -> int:
        """How many slots are idle; below zero, how many messages wait for one.

        Celery forgets those that it has reserved when it connects to the broker anew.
        """
        return self.executor.free()

    def enlist(self, work: Callable[[], None]) -> bool:
        """Have an idle slot do this; False where there is none."""
        return self.executor.enlist(work)


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
