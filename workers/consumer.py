"""Celery's consumer as this worker needs it: patient, in few words, and content with any queue."""

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from celery import bootsteps
from celery.worker.consumer import Consumer
from celery.worker.consumer.tasks import Tasks
from celery.worker.state import maybe_shutdown
from kombu.common import ignore_errors
from kombu.exceptions import KombuError

from dispatcher.books.fleet import ELSEWHERE
from dispatcher.publishing import broker_words, open_queue
from workers.guard import Guard

_PAUSE = 1.0
_SHORT_LIFE = 5.0
"""Seconds: a connection that ended sooner was refused something, and would be at once again."""
_STEP = 0.2
_BEAT = 0.5

log = logging.getLogger("dispatcher.broker")


class PatientConsumer(Consumer):  # type: ignore[misc]
    """Consumes from a broker that may be away, may refuse, and may have made the queue itself."""

    connection: Any
    guard: Guard
    """Told when all of the worker is built, before anything connects."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # Workers talk to each other through the database; to ask here as well takes a second.
        alone = {"without_gossip": True, "without_mingle": True}
        super().__init__(*arguments, **(options | alone))
        # A limit for all consumers of a channel is what quorum queues refuse; there is one anyway.
        self.blueprint[Tasks.name].qos_global = lambda _consumer: False
        self._trouble: str | None = None
        self._anew = False
        self._connected_at = 0.0

    def connect(self) -> Any:
        """A connection on which our queue is known to be there."""
        connection = super().connect()
        self._connected_at = time.monotonic()
        try:
            for queue in self.app.amqp.queues.consume_from:
                open_queue(connection, queue)
        except BaseException:
            cut(connection)
            raise
        return connection

    def ensure_connected(self, conn: Any) -> Any:
        """The connection, once the broker takes it; WorkerShutdown where we are to stop before."""
        while True:
            maybe_shutdown()
            self.guard.beat()
            try:
                conn.ensure_connection(max_retries=0)
            except (*conn.connection_errors, *conn.channel_errors, KombuError) as error:
                self._say(error)
            else:
                return conn
            self._rest()

    def start_anew(self) -> None:
        """Open another connection, from the loop's next beat on; any thread may ask for it."""
        self._anew = True

    def goes_on(self) -> None:
        """A beat of the loop; ConnectionResetError where it is to start anew."""
        self.guard.beat()
        if self._anew:
            self._anew = False
            raise ConnectionResetError("no message came though some are waiting")

    def cut(self) -> None:
        """End its connections under whoever waits for them; from any thread."""
        for connection in (self.connection, getattr(self.event_dispatcher, "connection", None)):
            cut(connection)

    def shutdown(self) -> None:
        """The slots have ended: what is left is to say goodbye to the broker."""
        self.guard.beat()
        super().shutdown()

    def silence(self) -> str | None:
        """Why it takes no message, None where it does; from any thread."""
        if self._trouble is not None:
            return self._trouble
        names = set(self.app.amqp.queues.consume_from)
        if self.app.conf.task_default_queue in names:
            return None
        return (
            f"{ELSEWHERE}{', '.join(sorted(names)) or 'nothing'}, and not to "
            f"{self.app.conf.task_default_queue}: start it without -Q, or `celery -A workers "
            f"control add_consumer {self.app.conf.task_default_queue}`"
        )

    def on_ready(self) -> None:
        """It takes messages: whatever troubled it is over."""
        super().on_ready()
        if self._trouble is not None:
            log.warning("the broker answers")
        self._trouble = None

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """The broker let us in, and refused what every worker needs."""
        self._say(exc)
        self._rest()

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Let go of what is broken without a farewell, which nobody might answer."""
        self._say(exc)
        self.cut()
        connection, self.connection = self.connection, None
        ignore_errors(connection, connection.collect)  # type: ignore[no-untyped-call]
        if time.monotonic() - self._connected_at < _SHORT_LIFE:
            self._rest()

    def _say(self, error: Exception) -> None:
        """One line for as long as it is the same trouble."""
        trouble = broker_words(error)
        if trouble != self._trouble:
            log.warning("%s Trying again until it works.", trouble)
        self._trouble = trouble

    def _rest(self) -> None:
        """A pause that ends at once where the worker is to stop."""
        until = time.monotonic() + _PAUSE
        while time.monotonic() < until:
            maybe_shutdown()
            self.guard.beat()
            time.sleep(_STEP)


class Beat(bootsteps.StartStopStep):  # type: ignore[misc]
    """Beats for as long as the consumer's loop goes round."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None

    def start(self, consumer: PatientConsumer) -> None:
        """Begin with each connection."""
        self._timer = consumer.timer.call_repeatedly(_BEAT, consumer.goes_on)

    def stop(self, consumer: PatientConsumer) -> None:
        """The loop is over."""
        if self._timer is not None:
            self._timer.cancel()


def cut(connection: Any) -> None:
    """End what a connection has open under whoever reads from it or writes to it."""
    for line in _sockets(connection):
        with suppress(OSError):  # it is over already
            line.shutdown(socket.SHUT_RDWR)


def _sockets(connection: Any) -> Iterator[socket.socket]:
    """The open sockets of a kombu connection, without the attributes that would connect again."""
    if connection is None:
        return
    amqp = getattr(getattr(connection, "_connection", None), "_transport", None)
    clients = [
        vars(channel).get(name)
        for channel in list(getattr(connection.transport, "channels", None) or ())
        for name in ("client", "subclient")
    ]
    lines = [getattr(amqp, "sock", None)]
    lines += [getattr(getattr(client, "connection", None), "_sock", None) for client in clients]
    yield from (line for line in lines if line is not None)
