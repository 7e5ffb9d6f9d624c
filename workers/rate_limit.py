"""The campaign's rate and the account's, held together over all workers of all machines."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

_PREFIX = "dispatcher:rate:"
_LUA = (Path(__file__).parent / "gcra.lua").read_text(encoding="utf-8")

log = logging.getLogger("dispatcher.rate")


@dataclass(frozen=True, slots=True)
class Place:
    """Whether a place was taken, and how long to wait: until it, or before asking again."""

    taken: bool
    wait: timedelta


class RateLimit:
    """Places in time, handed out by one Redis; asked only where a rate is set.

    `redis` is None where no Redis is configured: nothing with a rate is sent then.
    """

    LONGEST_WAIT = timedelta(seconds=0.3)
    _WITHOUT_REDIS = Place(taken=False, wait=timedelta(seconds=1))

    def __init__(self, redis: Redis | None) -> None:
        self._script = None if redis is None else redis.register_script(_LUA)
        self._in_trouble = False

    def take(self, rates: dict[str, float | None]) -> Place:
        """Take a place in each limit (its name and its requests a second), or in none of them.

        A place further away than LONGEST_WAIT is not taken. Redis away: no place.
        """
        limits = {f"{_PREFIX}{name}": rate for name, rate in rates.items() if rate is not None}
        if not limits:
            return Place(taken=True, wait=timedelta(0))
        if self._script is None:
            return self._WITHOUT_REDIS
        intervals = [round(1_000_000 / rate) for rate in limits.values()]
        longest = round(self.LONGEST_WAIT.total_seconds() * 1_000_000)
        try:
            taken, wait = self._script(keys=list(limits), args=[*intervals, longest])
        except RedisError as error:
            self._tell_trouble(error)
            return self._WITHOUT_REDIS
        self._tell_recovery()
        return Place(taken=bool(taken), wait=timedelta(microseconds=int(wait)))

    def _tell_trouble(self, error: RedisError) -> None:
        if not self._in_trouble:
            log.warning("nothing with a rate is sent until its Redis answers: %s", error)
        self._in_trouble = True

    def _tell_recovery(self) -> None:
        if self._in_trouble:
            log.warning("the Redis of the rate answers again")
        self._in_trouble = False
