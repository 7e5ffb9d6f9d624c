"""Where marks of the books are kept outside of them: a file on this machine, and the Redis.

What is not there says nothing: a new machine has no file, and a Redis may be emptied.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from redis import Redis
from redis.exceptions import RedisError

from dispatcher.epochs import Mark
from dispatcher.own_files import read_own, write_own
from dispatcher.redis_client import connect_redis
from dispatcher.settings import Settings

_TIMEOUT = 0.5


class Keeper(Protocol):
    """Keeps the latest mark of each books."""

    def read(self, books: str) -> Mark | None:
        """The mark of these books. Raises OSError and RedisError."""

    def write(self, mark: Mark) -> None:
        """Keep this mark from now on. Raises OSError and RedisError."""


class MarkFile:
    """A file for each books in a directory of ours."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, books: str) -> Mark | None:
        """The mark that was written last on this machine."""
        path = self._path(books)
        return Mark.of_text(read_own(path)) if path.exists() else None

    def write(self, mark: Mark) -> None:
        """Who reads it meanwhile sees the old mark or the new, whoever else writes."""
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._path(mark.books)
        own = path.with_suffix(f".{os.getpid()}")
        write_own(own, mark.as_text())
        own.rename(path)

    def _path(self, books: str) -> Path:
        return self._directory / f"{books}.json"


class MarkKey:
    """A key for each books in Redis, beside those of the rates."""

    def __init__(self, redis: Redis, queue: str) -> None:
        self._redis = redis
        self._prefix = f"{queue}:fence:"

    def read(self, books: str) -> Mark | None:
        """The mark that any worker has written last."""
        written = self._redis.get(f"{self._prefix}{books}")
        return (
            Mark.of_text(written.decode(errors="replace")) if isinstance(written, bytes) else None
        )

    def write(self, mark: Mark) -> None:
        """For good: it has no expiry."""
        self._redis.set(f"{self._prefix}{mark.books}", mark.as_text())


def marks(settings: Settings, books: str) -> list[Mark]:
    """What is noted of these books here and in the Redis; what cannot be read says nothing."""
    found = []
    for keeper in keepers(settings):
        with suppress(OSError, RedisError):
            found.append(keeper.read(books))
    return [mark for mark in found if mark is not None]


def keepers(settings: Settings) -> Iterable[Keeper]:
    """Where this process may keep marks."""
    yield MarkFile(settings.home / "fence")
    if settings.redis_url is not None:
        yield MarkKey(connect_redis(settings.redis_url, timeout=_TIMEOUT), settings.queue)
