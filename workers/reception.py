"""Where messages come in: what is not ours is told in a line and dropped, and work goes on."""

import logging
from collections.abc import Callable
from typing import Any

from celery.app.control import Control
from celery.app.control import Mailbox as CeleryMailbox
from kombu.pidbox import Node

from workers.consumer import PatientConsumer
from workers.screening import NotOurs, check_task, command_of

log = logging.getLogger("dispatcher.reception")


class Reception(PatientConsumer):
    """Celery's consumer, to which only tasks of ours get through."""

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], None]:
        """What is called with each message of the queue."""
        handle = super().create_task_handler(*arguments, **options)

        def on_message(message: Any) -> None:
            try:
                check_task(message)
            except NotOurs as found:
                self._tell(str(found))
                message.reject_log_error(log, self.connection_errors)
            else:
                handle(message)

        return on_message

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """A message, or a command, that cannot be read."""
        self._tell(f"it cannot be read ({type(exc).__name__})")
        # Unlike a rejection, this asks first whether a command's has to be acknowledged at all.
        message.ack_log_error(log, self.connection_errors)

    def add_task_queue(self, queue: object, *arguments: Any, **options: Any) -> None:
        """Take up the queue of this deployment again; there is no other for a worker."""
        if queue == self._queue:
            super().add_task_queue(queue)
        else:
            log.warning("A worker consumes the queue %s alone (DISPATCHER_QUEUE).", self._queue)

    def cancel_task_queue(self, queue: object) -> None:
        """Leave the queue; what is none of ours was never consumed."""
        if queue == self._queue:
            super().cancel_task_queue(queue)

    @property
    def _queue(self) -> str:
        return str(self.app.conf.task_default_queue)

    def _tell(self, why: str) -> None:
        log.warning(
            "A message on the queue %s that is not ours was dropped: %s. "
            "Where a neighbour shares it, name another one with DISPATCHER_QUEUE.",
            self._queue,
            why,
        )


class _Node(Node):
    """A worker's ear for commands."""

    def handle_message(self, body: object, message: Any = None) -> Any:
        """Do what a command says; drop what is none."""
        try:
            command = command_of(message, body, self.handlers or {})
        except NotOurs as found:
            log.warning("A command that makes no sense was dropped: %s.", found)
            return None
        return super().handle_message(command, message)  # type: ignore[no-untyped-call]

    def handle(self, method: str, arguments: dict[str, Any] | None = None) -> Any:
        """What the command came to; one that fails changes nothing else."""
        try:
            return super().handle(method, arguments)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - whatever its arguments made of it
            kind = type(error).__name__
            log.warning("The command %s failed (%s): are its arguments right?", method, kind)
            return {"error": f"{method} failed ({kind})"}


class _Mailbox(CeleryMailbox):  # type: ignore[misc]
    node_cls = _Node


class ScreenedControl(Control):  # type: ignore[misc]
    """Celery's remote control, for workers that obey nothing but sense."""

    Mailbox = _Mailbox
