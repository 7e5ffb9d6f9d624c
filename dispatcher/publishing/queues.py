"""A queue of the broker as it is, and what the broker says where it refuses it."""

import re
from dataclasses import dataclass
from typing import Any

from amqp.exceptions import AMQPError, ChannelError, NotFound
from redis.exceptions import ResponseError

from dispatcher.servers import words_of

_REFUSALS = frozenset({403, 404, 405, 406, 530, 540})
"""AMQP's codes for what will be refused again: rights, a vhost, a queue of another make."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What the broker says of a queue."""

    name: str
    messages: int
    consumers: int


def open_queue(connection: Any, name: str) -> None:
    """See to it that the queue is there, of whatever type and with whatever arguments it has.

    Nothing on Redis, whose queues are there as soon as something is in them. One that is missing is
    made durable, and of the type that its vhost makes them. Raises what kombu raises.
    """
    if connection.transport.driver_type == "amqp":
        try:
            _declare(connection, name, passive=True)
        except NotFound:
            _declare(connection, name, passive=False)


def look_at_queue(connection: Any, name: str) -> Queue:
    """What the broker says of the queue; nothing is in one that is missing."""
    try:
        return _declare(connection, name, passive=True)
    except ChannelError:
        return Queue(name, messages=0, consumers=0)


def _declare(connection: Any, name: str, *, passive: bool) -> Queue:
    """By a channel of its own: the broker closes it with a refusal."""
    with connection.channel() as channel:
        declared = channel.queue_declare(name, passive=passive, durable=True, auto_delete=False)
    return Queue(declared.queue, declared.message_count, declared.consumer_count)


_PIPELINE = re.compile(r"^Command # \d+ \(.*\) of pipeline caused error: ")
"""Before what Redis says: our own command, as its client repeats it."""


def broker_words(error: Exception) -> str:
    """One sentence about what an attempt to use the broker came to."""
    cause = error.__cause__ or error
    if isinstance(cause, AMQPError) and cause.reply_code in _REFUSALS:
        why = str(cause.reply_text).removesuffix(". For details see the broker logfile.")
        return (
            f"The broker refuses: {why}; see to the user, the password and the vhost in "
            "DISPATCHER_BROKER_URL, and to the user's rights there."
        )
    why = str(getattr(cause, "reply_text", None) or "") or words_of(error) or "no answer in time"
    why = _PIPELINE.sub("", why)
    verdict = "refuses" if isinstance(cause, ResponseError) else "cannot be reached"
    return f"The broker {verdict}: {why}."
