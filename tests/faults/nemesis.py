"""Campaign after campaign under a random schedule of faults, and whether the promise was kept.

    python -m tests.faults.nemesis --seed 7 --minutes 5

The same seed makes the same schedule again. Exit status 1 on a broken promise; the workers' logs
are kept then.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from dispatcher.books.schema import migrate
from dispatcher.books.session import make_engine
from dispatcher.embedded import temporary_home
from dispatcher.errors import DatabaseUnavailable
from tests.faults.afflictions import AFFLICTIONS, DOUBTS
from tests.faults.judge import Verdict
from tests.faults.schedule import Strike, schedule
from tests.faults.servers import mortal_servers
from tests.faults.staging import theatre
from tests.faults.theatre import Theatre, Timing
from tests.waiting import eventually

_CHUNKS = 6
_EVERY = 1.0
"""Seconds from one campaign to the next: however many messages are lost, work goes on."""
_WORKERS = 3
_PATIENCE = 150.0


@dataclass(frozen=True, slots=True)
class Climate:
    """What a seed lives in; `latency` is the vendor's, in seconds."""

    timing: Timing
    latency: float


_CLIMATES = (
    Climate(Timing(request_timeout=0.5, pack_id_window=6), latency=0.1),
    Climate(Timing(request_timeout=1, pack_id_window=20), latency=0.3),
    Climate(Timing(request_timeout=2, pack_id_window=40), latency=1),
)
"""A window that closes before a lease ends leaves doubts, a long one ends them; and where a request
takes long, a worker that comes back from the dead meets another one at its chunk."""

Tell = Callable[[str], None]
Turn = tuple[float, Callable[[], None]]


def climate(seed: int) -> Climate:
    """What this seed lives in."""
    return _CLIMATES[seed % len(_CLIMATES)]


def sandbox(seed: int) -> tuple[str, ...]:
    """The options of this seed's vendor."""
    latency = str(climate(seed).latency)
    fractions = ("--not-found", "0.02", "--unreachable", "0.03")
    return ("--latency", latency, "--retry-after", "1", *fractions, "--fault-seed", str(seed))


def haunt(stage: Theatre, seed: int, seconds: float, tell: Tell = print) -> Verdict:
    """Let the schedule of this seed play over the campaigns; the verdict on all of them.

    Raises AssertionError where they do not end, or a worker that should live has ended.
    """
    faults = {target: [*known] for target, known in AFFLICTIONS.items()}
    strikes = schedule(seed, seconds, faults, lease=stage.lease)
    producer = Producer(stage)
    stage.push_api.set_faults(probabilities=DOUBTS)
    stage.hire(_WORKERS)
    with ExitStack() as mended:
        turns = [*_strikes(stage, strikes, mended, tell)]
        turns += [(number * _EVERY, producer.enqueue) for number in range(int(seconds / _EVERY))]
        _play(turns)
    producer.enqueue()
    verdict = stage.ended(*producer.campaigns, within=_PATIENCE + seconds)
    eventually(stage.is_whole, within=60)
    return verdict


class Producer:
    """An application that enqueues, and does so again under the same key where it failed."""

    def __init__(self, stage: Theatre) -> None:
        self._stage = stage
        self.campaigns: list[str] = []

    def enqueue(self) -> None:
        """One campaign more, every third with a rate; with the database away, not now."""
        number = len(self.campaigns)
        rate = 4 if number % 3 == 2 else None
        with suppress(DatabaseUnavailable):
            self.campaigns.append(self._stage.enqueue(_CHUNKS, key=f"c{number}", rate=rate))


def _strikes(
    stage: Theatre, strikes: Iterable[Strike], mended: ExitStack, tell: Tell
) -> Iterator[Turn]:
    """Each strike's beginning and end; what has not ended is mended with the stack."""
    for strike in strikes:
        lasting = mended.enter_context(ExitStack())
        yield strike.at, partial(_begin, stage, strike, lasting, tell)
        yield strike.at + strike.lasting, lasting.close


def _begin(stage: Theatre, strike: Strike, lasting: ExitStack, tell: Tell) -> None:
    tell(str(strike))
    lasting.enter_context(AFFLICTIONS[strike.target][strike.fault](stage, strike.which))


def _play(turns: Iterable[Turn]) -> None:
    begin = time.monotonic()
    for moment, turn in sorted(turns, key=lambda turn: turn[0]):
        time.sleep(max(0.0, begin + moment - time.monotonic()))
        turn()


def main() -> int:
    """Play one schedule on servers of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.nemesis", allow_abbrev=False)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--minutes", type=float, default=1.0)
    given = parser.parse_args()
    directory = Path(mkdtemp(prefix="nemesis-"))
    with temporary_home() as home, mortal_servers(home) as servers:
        engine = make_engine(servers.postgresql.url)
        migrate(engine)
        engine.dispose()
        timing = climate(given.seed).timing
        with theatre(
            servers, servers.postgresql.url, directory, timing, *sandbox(given.seed)
        ) as stage:
            try:
                verdict = haunt(stage, given.seed, given.minutes * 60)
            except AssertionError as error:
                print(f"BROKEN: {error}; the workers' logs are in {directory}")
                return 1
    print(f"books:  {verdict.members}\nledger: {verdict.ledger}")
    if verdict.broken:
        print("BROKEN:", *verdict.broken, f"the workers' logs are in {directory}", sep="\n  ")
        return 1
    print(f"The promise was kept (seed {given.seed}).")
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
