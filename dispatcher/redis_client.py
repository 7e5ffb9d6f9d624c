"""The one way to a Redis of our own: the worker's rates and the checkup."""

from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dispatcher.servers import REDIS_SCHEMES, read_server


def connect_redis(url: str, *, timeout: float) -> Redis:
    """A client that connects at its first use, and asks once each time.

    `timeout` is in seconds, for connecting and for an answer.
    """
    server = read_server(url, REDIS_SCHEMES)
    options: dict[str, Any] = {"ssl": True, **server.redis_tls()} if server.tls else {}
    return Redis(
        host=server.host,
        port=server.port,
        unix_socket_path=server.socket or None,
        db=int(server.database),
        username=server.username,
        password=server.password,
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        **options,
    )
