"""The messages that wait in the broker, as Celery writes them."""

import json
from base64 import b64decode
from typing import Any

from redis import Redis

from dispatcher.settings import DEFAULT_QUEUE


def messages(redis: Redis) -> list[tuple[str, list[Any]]]:
    """The task and the arguments of each message that waits."""
    found = [json.loads(message) for message in reversed(redis.lrange(DEFAULT_QUEUE, 0, -1))]
    return [
        (message["headers"]["task"], json.loads(b64decode(message["body"]))[0]) for message in found
    ]
