"""Two campaigns under a random schedule of faults, and whether the promise was kept.

    python -m tests.faults.nemesis --seed 7 --minutes 5

The same seed makes the same schedule again. Exit status 1 on a broken promise; the workers' logs
are kept then.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

from dispatcher.books.schema import migrate
from dispatcher.books.session import make_engine
from dispatcher.embedded import temporary_home
from tests.faults.afflictions import AFFLICTIONS
from tests.faults.judge import Verdict
from tests.faults.schedule import Strike, schedule
from tests.faults.servers import mortal_servers
from tests.faults.staging import theatre
from tests.faults.theatre import Theatre, Timing
from tests.waiting import eventually

TIMING = Timing(request_timeout=1, pack_id_window=30)
SANDBOX = ("--latency", "0.3", "--retry-after", "1")
_CHUNKS_A_SECOND = 4
_PATIENCE = 150.0

Tell = Callable[[str], None]


def haunt(stage: Theatre, seed: int, seconds: float, tell: Tell = print) -> Verdict:
    """Let the schedule of this seed play over two campaigns, one with a rate; the verdict."""
    strikes = schedule(seed, seconds, {target: [*known] for target, known in AFFLICTIONS.items()})
    stage.hire(2)
    chunks = int(_CHUNKS_A_SECOND * seconds)
    campaigns = (stage.enqueue(chunks), stage.enqueue(chunks, rate=_CHUNKS_A_SECOND))
    _play(stage, strikes, tell)
    verdict = stage.ended(*campaigns, within=_PATIENCE + seconds)
    eventually(stage.is_whole, within=60)
    return verdict


def _play(stage: Theatre, strikes: tuple[Strike, ...], tell: Tell) -> None:
    """Begin and end each fault at its time; at the end all are mended, whatever happened."""
    begin = time.monotonic()
    lasting = {strike: ExitStack() for strike in strikes}
    turns = [(strike.at, 0, strike) for strike in strikes]
    turns += [(strike.at + strike.lasting, 1, strike) for strike in strikes]
    with ExitStack() as mended:
        for strike in strikes:
            mended.push(lasting[strike])
        for moment, ends, strike in sorted(turns):
            time.sleep(max(0.0, begin + moment - time.monotonic()))
            if ends:
                lasting[strike].close()
            else:
                tell(str(strike))
                affliction = AFFLICTIONS[strike.target][strike.fault]
                lasting[strike].enter_context(affliction(stage, strike.which))


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
        options = (*SANDBOX, "--fault-seed", str(given.seed))
        with theatre(servers, servers.postgresql.url, directory, TIMING, *options) as stage:
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
