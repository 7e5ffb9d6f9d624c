"""The campaign's rate and the account's, held together over all workers of all machines."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from dispatcher.servers import words_of
from dispatcher.settings import DEFAULT_QUEUE
from workers.watchdog import clock

_TAKE, _AHEAD = (
    (Path(__file__).parent / name).read_text(encoding="utf-8")
    for name in ("gcra.lua", "gcra_ahead.lua")
)
_AFTER_TROUBLE = 1.0

log = logging.getLogger("dispatcher.rate")


@dataclass(frozen=True, slots=True)
class Place:
    """Whether a place was taken, and how long to wait: until it, or before asking again."""

    taken: bool
    wait: timedelta


class RateLimit:
    """Places in time, handed out by one Redis; asked only where a rate is set.

    `redis` is None where no Redis is configured: nothing with a rate is sent then. `queue` is what
    the deployment's keys begin with: neighbours have rates of their own.
    """

    LONGEST_WAIT = timedelta(seconds=0.3)
    _WITHOUT_REDIS = Place(taken=False, wait=timedelta(seconds=1))

    def __init__(self, redis: Redis | None, queue: str = DEFAULT_QUEUE) -> None:
        self._prefix = f"{queue}:rate:"
        self._take = None if redis is None else redis.register_script(_TAKE)
        self._ahead = None if redis is None else redis.register_script(_AHEAD)
        self._in_trouble = False
        self._ask_again_at = 0.0

    def take(self, rates: dict[str, float | None]) -> Place:
        """Take a place in each limit (its name and its requests a second), or in none of them.

        A place further away than LONGEST_WAIT is not taken. Redis away: no place.
        """
        limits = {f"{self._prefix}{name}": rate for name, rate in rates.items() if rate is not None}
        if not limits:
            return Place(taken=True, wait=timedelta(0))
        if self._take is None:
            self._tell_trouble(RedisError("DISPATCHER_REDIS_URL is not set"))
            return self._WITHOUT_REDIS
        intervals = [round(1_000_000 / rate) for rate in limits.values()]
        longest = round(self.LONGEST_WAIT.total_seconds() * 1_000_000)
        try:
            taken, wait = self._take(keys=list(limits), args=[*intervals, longest])
        except RedisError as error:
            self._tell_trouble(error)
            return self._WITHOUT_REDIS
        self._tell_recovery()
        return Place(taken=bool(taken), wait=timedelta(microseconds=int(wait)))

    def ahead(self, names: Sequence[str]) -> Mapping[str, float] | None:
        """In how many seconds each limit's last place is, for those of which it bears on the next.

        None while Redis is away, which is asked once a second then: nothing with a rate is sent.
        """
        if self._ahead is None or clock() < self._ask_again_at:
            return None
        try:
            found = self._ahead(keys=[f"{self._prefix}{name}" for name in names])
        except RedisError as error:
            self._ask_again_at = clock() + _AFTER_TROUBLE
            self._tell_trouble(error)
            return None
        self._tell_recovery()
        return {
            name: int(last) / 1_000_000 for name, last in zip(names, found, strict=True) if last
        }

    def _tell_trouble(self, error: RedisError) -> None:
        if not self._in_trouble:
            log.warning("nothing with a rate is sent until its Redis answers: %s", words_of(error))
        self._in_trouble = True

    def _tell_recovery(self) -> None:
        if self._in_trouble:
            log.warning("the Redis of the rate answers again")
        self._in_trouble = False
