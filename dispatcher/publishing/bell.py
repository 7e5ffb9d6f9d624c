"""Ringing: task messages for chunks, by task name, ids only."""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from celery import Celery
from kombu import entity
from kombu.exceptions import KombuError

from dispatcher.errors import BrokerUnavailable
from dispatcher.forks import not_while_forking
from dispatcher.publishing.queues import Queue, broker_words, look_at_queue, open_queue
from dispatcher.servers import Server, read_server
from dispatcher.settings import DEFAULT_QUEUE, Settings

DELIVER = "workers.tasks.deliver"

_AT_ONCE = 16
"""So many messages leave together: the first are worked off while others are made."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The chunks of one message."""

    campaign_id: UUID
    sequences: tuple[int, ...]


def producer(settings: Settings) -> Celery:
    """A Celery application that only sends messages; it connects at its first use.

    Raises SettingError where no broker is configured.
    """
    with not_while_forking():
        app = Celery("dispatcher", set_as_current=False)
        app.conf.update(broker_settings(settings.require_broker_url(), settings.queue))
    return app


def broker_settings(broker_url: str, queue: str = DEFAULT_QUEUE) -> dict[str, Any]:
    """What producers and workers tell Celery alike about the broker.

    Nothing is retried or acknowledged by the broker: PostgreSQL keeps the books, and the relay
    sends again what was lost. Every name on the broker begins with the queue's and a colon, which
    no queue has in its own, so that neighbours on one server never meet.
    """
    server = read_server(broker_url)
    options: dict[str, Any] = {}
    if server.is_redis:
        options = {
            "ack_emulation": False,
            # Nothing has a priority: workers wait for one key, the queue's own.
            "priority_steps": [0],
            "socket_connect_timeout": 1.5,
            "socket_timeout": 10,
            "socket_keepalive": True,
            "health_check_interval": 10,
        }
    else:
        options = {"read_timeout": 10, "write_timeout": 10}
    return {
        "broker_url": server.celery_url(),
        "broker_use_ssl": _tls(server),
        "broker_connection_timeout": 1.5,
        "broker_heartbeat": 10,
        "broker_transport_options": options,
        "task_default_queue": queue,
        "control_exchange": f"{queue}:control",
        "event_exchange": f"{queue}:events",
        "event_queue_prefix": f"{queue}:events",
        **({} if server.is_redis else _queue_as_it_is(queue)),
        "task_ignore_result": True,
        "task_publish_retry": False,
        "task_serializer": "json",
        "accept_content": ["json"],
    }


def _tls(server: Server) -> dict[str, Any] | bool:
    """TLS in the words of the broker's library; the host is verified where the server is."""
    if server.tls is None:
        return False
    if server.is_redis:
        return server.redis_tls()
    tls = server.tls
    host = {"server_hostname": server.host} if tls.verify and tls.check_host else {}
    return host | {
        "cert_reqs": ssl.CERT_REQUIRED if tls.verify else ssl.CERT_NONE,
        "ca_certs": tls.ca_certs,
        "certfile": tls.certificate,
        "keyfile": tls.key,
    }


def _queue_as_it_is(name: str) -> dict[str, Any]:
    """RabbitMQ refuses to hear of a queue again with other arguments: `open_queue` sees to it."""
    queue: Any = entity.Queue
    exchange: Any = entity.Exchange
    direct = exchange(name, type="direct")
    return {"task_queues": [queue(name, direct, routing_key=name, no_declare=True)]}


class Bell:
    """Rings for chunks; keeps its connection to the broker, and opens another when that broke.

    It asks once: the relay comes again anyway.
    """

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._connection: Any = None

    def ring(self, batches: Sequence[Batch]) -> None:
        """Send a message for each batch; BrokerUnavailable where the broker cannot be reached.

        Some may have been sent then.
        """
        if not batches:
            return
        with self._connected() as connection:
            sender = self._app.amqp.Producer(connection)
            with sender.batch(max_size=_AT_ONCE):
                for batch in batches:
                    self._send(sender, batch)
            # RabbitMQ confirms no message, but answers this when it has all that came before.
            open_queue(connection, self._queue)

    def _send(self, sender: Any, batch: Batch) -> None:
        """What `send_task` sends, at half its cost: nothing is routed, and nobody listens to it."""
        args = [str(batch.campaign_id), list(batch.sequences)]
        message = self._app.amqp.create_task_message(
            str(uuid4()), DELIVER, args, argsrepr=repr(args), kwargsrepr="{}", ignore_result=True
        )
        sender.publish(
            message.body,
            routing_key=self._queue,
            headers=message.headers,
            serializer="json",
            retry=False,
            **message.properties,
        )

    def look(self) -> Queue:
        """What the broker says of our queue; BrokerUnavailable where it says nothing."""
        with self._connected() as connection:
            return look_at_queue(connection, self._queue)

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()

    @property
    def _queue(self) -> str:
        return str(self._app.conf.task_default_queue)

    def _open(self) -> Any:
        """A connection that asks once and does not wait long, and on which our queue is there.

        RabbitMQ would end it as nobody sends heartbeats between two rounds.
        """
        at_once = {
            "max_retries": 0,
            "socket_timeout": 1.0,
            "socket_connect_timeout": 1.0,
            "read_timeout": 1.0,
            "write_timeout": 1.0,
        }
        return self._app.connection_for_write(transport_options=at_once, heartbeat=0)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """The connection; what goes wrong on it is BrokerUnavailable, and its end."""
        if self._connection is None:
            self._connection = self._open()
        connection = self._connection
        try:
            if not connection.connected:
                connection.ensure_connection(max_retries=0)
                open_queue(connection, self._queue)
            yield connection
        except (*connection.connection_errors, *connection.channel_errors, KombuError) as error:
            self.close()
            raise BrokerUnavailable(
                f"{broker_words(error)} Workers find the campaign when it is back."
            ) from error
