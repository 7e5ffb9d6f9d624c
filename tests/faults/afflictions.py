"""The faults that the nemesis knows, by what they hit; each lasts as long as its block."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from tests.faults import moments
from tests.faults.schedule import SLEEPER
from tests.faults.testimony import NOT_SENT, SENT
from tests.faults.theatre import TERMINATE_BACKENDS, Theatre
from tests.proxy import Proxy, Snare

Affliction = Callable[[Theatre, int], AbstractContextManager[None]]

DOUBTS = {"drop_before": 0.05, "drop_after": 0.08, "hang_before": 0.03, "hang_after": 0.04}
"""What the API does to some requests all the time."""

_CORRUPTED = "code_2"
"""Three of these pause a campaign, which only a person resumes."""


@contextmanager
def _killed(theatre: Theatre, which: int) -> Iterator[None]:
    victim = theatre.workers.pop(which % len(theatre.workers))
    victim.kill()
    yield
    theatre.start_worker(slots=victim.slots)


@contextmanager
def _sent_home(theatre: Theatre, which: int) -> Iterator[None]:
    leaver = theatre.workers.pop(which % len(theatre.workers))
    leaver.terminate()
    yield
    theatre.start_worker(slots=leaver.slots)


@contextmanager
def _frozen(theatre: Theatre, which: int) -> Iterator[None]:
    worker = theatre.workers[which % len(theatre.workers)]
    worker.freeze()
    yield
    worker.thaw()


@contextmanager
def _flushed(theatre: Theatre, _: int) -> Iterator[None]:
    theatre.redis().flushall()
    yield
    theatre.redis().flushall()


@contextmanager
def _valkey_killed(theatre: Theatre, _: int) -> Iterator[None]:
    theatre.servers.valkey.kill()
    yield
    theatre.servers.valkey.restart()


@contextmanager
def _valkey_frozen(theatre: Theatre, _: int) -> Iterator[None]:
    with theatre.servers.valkey.frozen():
        yield


@contextmanager
def _without_memory(theatre: Theatre, _: int) -> Iterator[None]:
    theatre.redis().config_set("maxmemory", "1")
    yield
    theatre.redis().config_set("maxmemory", "0")


@contextmanager
def _clients_killed(theatre: Theatre, _: int) -> Iterator[None]:
    theatre.redis().client_kill_filter(_type="normal")
    yield


@contextmanager
def _restarted(theatre: Theatre, _: int) -> Iterator[None]:
    theatre.servers.postgresql.restart()
    yield


@contextmanager
def _terminated(theatre: Theatre, _: int) -> Iterator[None]:
    theatre.execute(TERMINATE_BACKENDS)
    yield


@contextmanager
def _faulty(theatre: Theatre, which: int) -> Iterator[None]:
    """Some of the API's faults, each for a part of the requests."""
    names = [name for name in NOT_SENT + SENT if name != _CORRUPTED]
    chosen = random.Random(which).sample(names, 4)
    theatre.push_api.set_faults(probabilities=dict.fromkeys(chosen, 0.15))
    yield
    theatre.push_api.set_faults(probabilities=DOUBTS)


def _away(proxy_of: Callable[[Theatre], Proxy]) -> Affliction:
    @contextmanager
    def away(theatre: Theatre, _: int) -> Iterator[None]:
        proxy_of(theatre).close_door()
        yield
        proxy_of(theatre).open_door()

    return away


@contextmanager
def _database_hangs(theatre: Theatre, _: int) -> Iterator[None]:
    theatre.database.hold()
    yield
    theatre.database.let_go()


@contextmanager
def _api_hangs(theatre: Theatre, _: int) -> Iterator[None]:
    """What its worker has given up never arrives: nothing helps against the vendor's forgetting a
    window and then carrying out what waited in between."""
    theatre.api.hold()
    yield
    theatre.api.cut_abandoned()
    theatre.api.let_go()


def _snared(snare_in: Callable[[Proxy], Snare]) -> Affliction:
    @contextmanager
    def snared(theatre: Theatre, _: int) -> Iterator[None]:
        snare = snare_in(theatre.database)
        yield
        snare.cut()

    return snared


AFFLICTIONS: dict[str, dict[str, Affliction]] = {
    "a worker": {
        "is killed and replaced": _killed,
        "is sent home and replaced": _sent_home,
        "is frozen": _frozen,
    },
    SLEEPER: {"is frozen": _frozen},
    "the broker": {
        "forgets everything, twice": _flushed,
        "is killed": _valkey_killed,
        "is frozen": _valkey_frozen,
        "has no memory left": _without_memory,
        "loses its clients": _clients_killed,
        "is away": _away(lambda theatre: theatre.broker),
    },
    "the database": {
        "is restarted at once": _restarted,
        "terminates its backends": _terminated,
        "is away": _away(lambda theatre: theatre.database),
        "hangs": _database_hangs,
        "loses a claim's commit reply": _snared(moments.claimed),
        "loses a record": _snared(moments.replied),
        "loses a record's commit reply": _snared(moments.recorded),
    },
    "the API": {
        "refuses connections": _away(lambda theatre: theatre.api),
        "hangs": _api_hangs,
        "fails in four ways": _faulty,
    },
}
