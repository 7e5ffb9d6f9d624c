"""One thread of a worker process writes for all its slots: what they report and what they claim.

Each statement takes whatever waits or comes within a moment, and commits. The promise is untouched:
a chunk is claimed in a committed statement right before its own request, and recorded before its
slot claims another.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Protocol
from uuid import UUID

from sqlalchemy import Connection, Engine

from dispatcher.books import transitions
from dispatcher.books.session import each_alone, translated
from dispatcher.books.transitions import ChunkKey, Claim, Exchanged, Further, Place, Report
from dispatcher.books.troubles import is_transient
from workers.watchdog import Handle, Line, Watchdog, clock

_MOST_AT_ONCE = 64
_GATHERED_FOR = 0.02
"""As a part of what requests take: so much longer a slot waits, and the more share a statement."""
_LONGEST_GATHERING = 0.005
_SHORTEST_GATHERING = 0.0005
_WEIGHT = 0.1
"""Of the latest request in what they are said to take."""
_FROM_THE_FRONT_EVERY = 1.0
"""Seconds until further chunks are looked for from their campaign's first on: some are returned."""

Wish = ChunkKey | UUID
"""A chunk, or whichever of a campaign's fresh ones comes next."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the report was recorded, and the claim on what was wanted, if it is ours to send."""

    recorded: bool
    claim: Claim | None


class Asker(Protocol):
    """Where an answer goes, or what the database raised."""

    def put(self, answer: Answer | Exception, /) -> None:
        """Take it; it waits for nothing."""


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What one slot hands over, and where its answer goes."""

    report: Report | None
    wanted: Wish | None
    answer: Asker


class GroupCommit:
    """Exchanges reports for claims, for all slots of this process together.

    `worker` is the name that the attempt log shows, `lease` how long nobody else may take a claimed
    chunk, `window` the usable part of the vendor's window, `beat` tells the least that the books
    have to be at for a claim. A connection that has not answered after
    `patience` is cut: what hangs holds up this process no longer than that.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        worker: str,
        lease: timedelta,
        window: timedelta,
        patience: timedelta,
        beat: Callable[[], int] = lambda: 0,
    ) -> None:
        self._engine = each_alone(engine)
        self._worker = worker
        self._lease = lease
        self._window = window
        self._beat = beat
        self._patience = patience.total_seconds()
        self._watchdog = Watchdog()
        self._kept: tuple[Connection, Handle] | None = None
        self._requests_take = 0.0
        self._reached: dict[UUID, Place] = {}
        self._from_the_front_at = 0.0
        self._waiting: SimpleQueue[_Exchange] = SimpleQueue()
        threading.Thread(target=self._run, name="group-commit", daemon=True).start()

    def hear(self, seconds: float) -> None:
        """A request took so long: where that is long, more slots' wishes are gathered."""
        self._requests_take += _WEIGHT * (seconds - self._requests_take)

    def exchange(self, report: Report | None, wanted: Wish | None) -> Answer:
        """Record the report and claim what is wanted, both committed when this returns.

        Raises what the database raises. The report may have been recorded then, and the chunk
        claimed: to report again does no harm, and what was claimed must not be sent.
        """
        answers: SimpleQueue[Answer | Exception] = SimpleQueue()
        self.hand_over(report, wanted, answers)
        answer = answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def hand_over(self, report: Report | None, wanted: Wish | None, asker: Asker) -> None:
        """The same for who does not wait: the answer, or what was raised, goes to `asker`."""
        self._waiting.put(_Exchange(report, wanted, asker))

    def _run(self) -> None:
        while True:
            self._serve(self._next())

    def _next(self) -> list[_Exchange]:
        """Wait for one, a moment for others where few are there, and take those that wait by then.

        Where as many wait as a statement takes, nobody gains by that moment, and all lose it.
        """
        batch = [self._waiting.get()]
        moment = min(_GATHERED_FOR * self._requests_take, _LONGEST_GATHERING)
        if moment > _SHORTEST_GATHERING and self._waiting.qsize() < _MOST_AT_ONCE:
            time.sleep(moment)
        with suppress(Empty):
            while len(batch) < _MOST_AT_ONCE:
                batch.append(self._waiting.get_nowait())
        return batch

    def _serve(self, batch: Sequence[_Exchange]) -> None:
        """Answer all. Where the database refuses what one of them has, only that one hears so."""
        try:
            answers = self._commit(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, every slot waits for an answer
            if len(batch) > 1 and not is_transient(error):
                for exchange in batch:
                    self._serve([exchange])
            else:
                for exchange in batch:
                    exchange.answer.put(error)
        else:
            for exchange, answer in zip(batch, answers, strict=True):
                exchange.answer.put(answer)

    def _commit(self, batch: Sequence[_Exchange]) -> list[Answer]:
        """One statement for all."""
        reports = {n: exchange.report for n, exchange in enumerate(batch) if exchange.report}
        wishes = [exchange.wanted for exchange in batch]
        further = self._further([wish for wish in wishes if isinstance(wish, UUID)])
        with translated(self._engine), self._watched_connection() as connection:
            exchanged = transitions.exchange(
                connection,
                reports,
                [wish for wish in wishes if isinstance(wish, tuple)],
                further,
                worker=self._worker,
                lease=self._lease,
                window=self._window,
                beat=self._beat(),
            )
        for each in further:
            self._reached.pop(each.campaign_id, None)
        self._reached |= exchanged.reached
        claims = _dealt(wishes, exchanged)
        return [Answer(n in exchanged.recorded, claim) for n, claim in enumerate(claims)]

    def _further(self, campaigns: Sequence[UUID]) -> list[Further]:
        """So many more chunks of each of these, from where the last were found."""
        if clock() >= self._from_the_front_at:
            self._from_the_front_at = clock() + _FROM_THE_FRONT_EVERY
            self._reached = {}
        return [Further(id, most, self._reached.get(id)) for id, most in Counter(campaigns).items()]

    @contextmanager
    def _watched_connection(self) -> Iterator[Connection]:
        """The one connection, kept until something goes wrong on it."""
        connection, handle = self._kept or self._connect()
        self._kept = None
        line = Line(clock() + self._patience, handle)
        self._watchdog.watch(line)
        try:
            yield connection
            self._kept = connection, handle
        finally:
            line.end()
            if self._kept is None:
                connection.close()

    def _connect(self) -> tuple[Connection, Handle]:
        connection = self._engine.connect()
        return connection, Handle(connection.connection.fileno())


def _dealt(wishes: Sequence[Wish | None], exchanged: Exchanged) -> list[Claim | None]:
    """Each wish's claim. Where two slots want one chunk, the first has it."""
    claims = dict(exchanged.claims)
    granted: dict[Wish | None, list[Claim]] = defaultdict(list)
    for wish in wishes:
        if isinstance(wish, tuple) and wish in claims:
            granted[wish].append(claims.pop(wish))
    for claim in claims.values():
        granted[claim.campaign_id].append(claim)
    return [granted[wish].pop() if granted[wish] else None for wish in wishes]
