"""A sweep: what time alone changes, done to each campaign so that none holds up another."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from sqlalchemy import Engine

from dispatcher.books import fleet, transitions, upkeep
from dispatcher.books.session import transaction, try_lock, wait_shortly
from dispatcher.books.troubles import concerns_its_rows, words_of
from dispatcher.books.upkeep import Duty, Need, Terms

_LOCK = 0x73776570
_MOST_TOGETHER = 100
_CHUNKS_TOGETHER = 20_000
_STEPS = {Duty.CLOSE: transitions.STEP, Duty.PURGE: transitions.PURGED_A_STEP}
"""In chunks, of duties that are done in steps, for as long as their time lasts."""
_SECONDS = {Duty.CLOSE: 0.5, Duty.PURGE: 0.25}
"""Of each second; the rest is for whoever sends."""
_MOST_PURGED = 500
_LONG_LOCKED = 10.0
_LONGEST_REST = 60.0

log = logging.getLogger("dispatcher.relay")


@dataclass(slots=True)
class _Trouble:
    """What could not be done to a campaign, when it is tried again, and after how many times."""

    duty: Duty
    again_at: float = 0.0
    times: int = 0


@dataclass(slots=True)
class _Lock:
    """Since when somebody else has held a campaign's row, and whether that was told."""

    duty: Duty
    since: float
    told: bool = False


class Sweep:
    """Sweeps the books; remembers what could not be done, so that it is told once.

    `moved` is called after each transaction, and `summed` with the campaigns that one has summed
    up; `closing` says that no other may begin.
    """

    def __init__(
        self,
        engine: Engine,
        terms: Terms,
        moved: Callable[[], None],
        closing: Callable[[], bool] = lambda: False,
        summed: Callable[[Sequence[UUID]], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._summed = summed
        self._closing = closing
        self._terms = terms
        self._moved = moved
        self._troubles: dict[UUID, _Trouble] = {}
        self._locks: dict[UUID, _Lock] = {}

    def run(self) -> None:
        """Do what is due; nothing where another worker's relay is at it.

        What cannot be done to one campaign is told and tried again, less and less often, while the
        others are done. Raises what says that the database cannot be used at all.
        """
        self._do(self._needs())

    def sum_up(self) -> None:
        """Only sum up, before this worker goes: it may have been the last one."""
        self._closing = lambda: False
        self._do([need for need in self._needs() if need.duty == Duty.SUM_UP])

    def _needs(self) -> list[Need]:
        with transaction(self._engine) as connection:
            if not try_lock(connection, _LOCK):
                return []
            fleet.forget_the_dead(connection)
            return upkeep.needed(
                connection, self._terms, resting=list(self._resting()), purged=_MOST_PURGED
            )

    def _do(self, needs: Sequence[Need]) -> None:
        self._moved()
        self._forget_what_is_over(needs)
        for duty, group in groupby(needs, key=lambda need: need.duty):
            until = time.monotonic() + _SECONDS.get(duty, float("inf"))
            resting = self._resting()
            ready = [need for need in group if need.campaign_id not in resting]
            for batch in _batches(ready):
                for _ in range(_steps(batch)):
                    if time.monotonic() < until and not self._closing():
                        self._together(duty, [need.campaign_id for need in batch])

    def _together(self, duty: Duty, campaign_ids: Sequence[UUID]) -> None:
        """Do a duty to several campaigns in one transaction, or to each alone where that fails."""
        try:
            with transaction(self._engine) as connection:
                if not try_lock(connection, _LOCK):
                    return
                wait_shortly(connection)
                free = upkeep.fulfil(connection, duty, campaign_ids, self._terms)
        except Exception as error:
            if not concerns_its_rows(error):
                raise
            if len(campaign_ids) == 1:
                self._tell_trouble(duty, campaign_ids[0], error)
            else:
                for campaign_id in campaign_ids:
                    self._together(duty, [campaign_id])
        else:
            for campaign_id in campaign_ids:
                self._note(duty, campaign_id, free=campaign_id in free)
            if duty == Duty.SUM_UP:
                self._summed(campaign_ids)
        self._moved()

    def _resting(self) -> set[UUID]:
        """The campaigns to which something could not be done just now."""
        now = time.monotonic()
        return {one for one, trouble in self._troubles.items() if trouble.again_at > now}

    def _tell_trouble(self, duty: Duty, campaign_id: UUID, error: Exception) -> None:
        trouble = self._troubles.setdefault(campaign_id, _Trouble(duty))
        if not trouble.times:
            _warn(campaign_id, f"cannot {duty}: {words_of(error).rstrip('.')}. {_GO_ON}")
        trouble.again_at = time.monotonic() + min(2.0**trouble.times, _LONGEST_REST)
        trouble.times += 1

    def _note(self, duty: Duty, campaign_id: UUID, *, free: bool) -> None:
        """Tell of a campaign whose row somebody holds for long, and where a trouble is over."""
        trouble = self._troubles.get(campaign_id)
        if free and trouble is not None and trouble.duty == duty:
            del self._troubles[campaign_id]
            _warn(campaign_id, f"can {duty} again")
        if not free:
            lock = self._locks.setdefault(campaign_id, _Lock(duty, time.monotonic()))
            if not lock.told and time.monotonic() - lock.since > _LONG_LOCKED:
                lock.told = True
                _warn(campaign_id, f"cannot {duty}: another session has locked its row. {_GO_ON}")
        elif (held := self._locks.get(campaign_id)) is not None and held.duty == duty:
            del self._locks[campaign_id]
            if held.told:
                _warn(campaign_id, f"can {duty} again")

    def _forget_what_is_over(self, needs: Sequence[Need]) -> None:
        """What is not due any more is no trouble: somebody has cancelled it, or mended it."""
        due = {(need.campaign_id, need.duty) for need in needs}
        now = time.monotonic()
        for campaign_id, trouble in list(self._troubles.items()):
            if (campaign_id, trouble.duty) not in due and trouble.again_at <= now:
                del self._troubles[campaign_id]
                _warn(campaign_id, f"can {trouble.duty} again")
        for campaign_id, lock in list(self._locks.items()):
            if (campaign_id, lock.duty) not in due:
                del self._locks[campaign_id]


_GO_ON = "Trying again until it works; the others go on"


def _warn(campaign_id: UUID, words: str) -> None:
    log.warning("campaign %s %s", campaign_id, words, extra={"campaign": str(campaign_id)})


def _batches(needs: Sequence[Need]) -> Iterator[list[Need]]:
    """The campaigns that share a transaction: not too many, nor too many chunks."""
    batch: list[Need] = []
    chunks = 0
    for need in needs:
        room = _STEPS.get(need.duty, _CHUNKS_TOGETHER)
        if batch and (len(batch) == _MOST_TOGETHER or chunks + need.chunks > room):
            yield batch
            batch, chunks = [], 0
        batch.append(need)
        chunks += need.chunks
    if batch:
        yield batch


def _steps(batch: Sequence[Need]) -> int:
    """How often a batch is done: a duty that is done in steps until nothing should be left."""
    step = _STEPS.get(batch[0].duty)
    return 1 if step is None else max(1, -(-sum(need.chunks for need in batch) // step))
