"""Celery's ways to Redis and RabbitMQ, on which nothing that is not a message gets through.

Both libraries read a message before anybody is asked whether it is one, and what fails there ends
the worker that reads it: each in turn, as a broker hands it to the next.
"""

import logging
import time
from collections.abc import Callable
from struct import unpack_from
from typing import Any

from amqp import method_framing
from amqp.basic_message import Message as AmqpContent
from amqp.serialization import loads
from amqp.spec import Basic
from kombu.transport import TRANSPORT_ALIASES, pyamqp
from kombu.transport import redis as kombu_redis
from redis import Redis
from redis.client import PubSub
from redis.exceptions import ResponseError

from workers.screening import NotOurs, check_envelope

_LOOK_AGAIN = 1.0
_DELIVERY = "sLbss"
"""A delivery's fields: consumer, number, whether it comes again, exchange, routing key."""

log = logging.getLogger("dispatcher.reception")


def _nobody_hears() -> None:
    """Where this was not installed."""


_on_message: Callable[[], object] = _nobody_hears


def install(on_message: Callable[[], object]) -> None:
    """Have Celery take these in this process; to be called before its first connection.

    `on_message` is called for each message that is taken off a queue, and for those dropped too.
    """
    global _on_message
    _on_message = on_message
    TRANSPORT_ALIASES.update(
        redis="workers.transports:RedisTransport",
        rediss="workers.transports:RedisTransport",
        amqp="workers.transports:AmqpTransport",
        amqps="workers.transports:AmqpsTransport",
    )
    # Its reader has no other door: it makes every message that comes in of this class.
    method_framing.Message = _Content


def _is_message(raw: bytes, where: object) -> bool:
    """Whether these bytes are a message; it is told where they are none."""
    try:
        check_envelope(raw)
    except NotOurs as found:
        name = where.decode(errors="replace") if isinstance(where, bytes) else where
        log.warning("Something on %s that is no message was dropped: %s.", name, found)
        return False
    return True


def _is_no_list(error: ResponseError) -> bool:
    return "WRONGTYPE" in str(error)


class _Client(Redis):
    """Gives out of a queue what is a message; else it is as if nothing had come in time."""

    _in_trouble = False

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        try:
            response = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        except ResponseError as error:
            if command_name != "BRPOP" or not _is_no_list(error):
                raise
            self._wait_for_the_queue()
            return None
        if command_name != "BRPOP":
            return response
        self._in_trouble = False
        if not response:
            return None
        _on_message()
        return response if _is_message(response[1], response[0]) else None

    def _wait_for_the_queue(self) -> None:
        """Its key holds something that is no queue: tell it once, and look again in a while."""
        if not self._in_trouble:
            log.warning(
                "The queue's key holds something else than a list: nothing comes in until it is "
                "deleted, or until DISPATCHER_QUEUE names another one."
            )
        self._in_trouble = True
        time.sleep(_LOOK_AGAIN)

    def pubsub(self, **options: Any) -> PubSub:
        return _PubSub(self.connection_pool, **options)


class _PubSub(PubSub):
    """Hears what is a message."""

    def parse_response(self, *arguments: Any, **options: Any) -> Any:
        response = super().parse_response(*arguments, **options)  # type: ignore[no-untyped-call]
        is_data = response is not None and response[0] in (b"message", b"pmessage")
        return None if is_data and not _is_message(response[-1], response[-2]) else response


class _RedisChannel(kombu_redis.Channel):
    def _get_client(self) -> type[Redis]:
        return _Client

    def _size(self, queue: str) -> int:
        """How much waits in a queue: nothing, where its key holds something else."""
        try:
            return int(super()._size(queue))  # type: ignore[no-untyped-call]
        except ResponseError as error:
            if _is_no_list(error):
                return 0
            raise


class RedisTransport(kombu_redis.Transport):
    """Redis, or Valkey."""

    Channel = _RedisChannel


class _Content(AmqpContent):  # type: ignore[misc]
    """A message as it comes in; one whose properties cannot be read has none."""

    def _load_properties(self, class_id: Any, buf: Any, offset: int) -> int:
        try:
            return int(super()._load_properties(class_id, buf, offset))
        except Exception:  # noqa: BLE001 - a stranger's bytes; without properties it is dropped
            self.properties: dict[str, Any] = {}
            return offset


class _AmqpMessage(pyamqp.Message):
    """A message that is not unpacked: ours are not packed, and a small one may become huge."""

    def __init__(self, msg: Any, channel: Any = None, **options: Any) -> None:
        headers = msg.properties.get("application_headers") or {}
        packed = headers.pop("compression", None)
        super().__init__(msg, channel, **options)  # type: ignore[no-untyped-call]
        if packed:
            self.headers["compression"] = packed


class _AmqpChannel(pyamqp.Channel):
    Message = _AmqpMessage

    def dispatch_method(self, method_sig: Any, payload: Any, content: Any) -> Any:
        """Pass on what the server says, but no delivery under a key that cannot be read."""
        if method_sig == Basic.Deliver:
            tag_ends = 5 + payload[4]
            consumer = bytes(payload[5:tag_ends]).decode()
            # Commands alone are consumed without an acknowledgement.
            from_queue = consumer not in (self.no_ack_consumers or ())
            if from_queue:
                _on_message()
            try:
                loads(_DELIVERY, payload, 4)
            except UnicodeDecodeError:
                (delivery,) = unpack_from(">Q", payload, tag_ends)
                return self._turn_away(delivery if from_queue else None)
        return super().dispatch_method(method_sig, payload, content)

    def _turn_away(self, delivery: int | None) -> None:
        log.warning("A message that is not ours was dropped: its routing key cannot be read.")
        if delivery is not None:
            self.basic_reject(delivery, requeue=False)


class _AmqpConnection(pyamqp.Connection):
    Channel = _AmqpChannel


class AmqpTransport(pyamqp.Transport):
    """RabbitMQ."""

    Connection = _AmqpConnection


class AmqpsTransport(pyamqp.SSLTransport):
    """RabbitMQ over TLS."""

    Connection = _AmqpConnection
