"""How soon it does what is asked: first requests, pausing, small campaigns, many, and none."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import psutil

from benchmarks import audiences
from benchmarks.bench import Bench
from benchmarks.campaign import APP, MESSAGE
from benchmarks.findings import Findings, Ratio, Table, middle
from benchmarks.meters import cpu_of, wait_until
from benchmarks.sinks import Sink, sink
from benchmarks.stage import Books

_LATENCY = 0.2
_FEW_SLOTS = 8
_SLOTS = 64
_PATIENCE = 180
_SETTLE_SECONDS = 3
_CHUNKS_OF_MANY = 5

# As `resume` does it, for all of them in the same moment.
_BEGIN_ALL = "UPDATE campaign SET state = 'running', resumed_at = now() WHERE state = 'paused'"


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured, in a unit."""

    what: str
    value: float
    unit: str
    asked: str = ""


def run(bench: Bench) -> Findings:
    """Each figure in turn; those that repeat are medians."""
    figures: list[Figure] = []
    for measure in (_first_requests, _fairness, _pausing, _many):
        for figure in measure(bench):
            bench.say(f"steer: {figure.what}: {figure.value:.3g} {figure.unit}")
            figures.append(figure)
    rows = tuple((f.what, f.value, f.unit, f.asked or "-") for f in figures)
    return Findings(
        "steer",
        ratios=[Ratio(f"{f.what}, {f.unit}", f.value, f.asked) for f in figures if f.asked],
        tables=[Table("How soon it does what is asked", ("", "value", "unit", "asked"), rows)],
        runs=[asdict(figure) for figure in figures],
    )


def _first_requests(bench: Bench) -> Iterator[Figure]:
    """From the return of `enqueue` to the first request, while workers have nothing to do."""
    with _served(bench, latency=0.0) as (books, target), books.workers(2, 32):
        returns = []
        for number in range(3 * bench.size.rounds):
            audience = audiences.generate(1000, f"first{number}")
            campaign = books.dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=audience)
            returns.append(time.time())
            _until_completed(books, [campaign])
    begins = [request.began for request in target.requests()]
    delays = [1000 * (begin - end) for begin, end in zip(begins, returns, strict=True)]
    value = middle(delays)
    assert value is not None
    yield Figure("from enqueue's return to the first request, idle workers", value, "ms")


def _fairness(bench: Bench) -> Iterator[Figure]:
    """Small campaigns behind a large one, on a few slots and a slow API."""
    ahead = bench.size.ahead_members
    with (
        _served(bench, latency=_LATENCY) as (books, target),
        books.workers(1, _FEW_SLOTS),
    ):
        audience = audiences.write(bench.stage.directory, ahead, "parquet")
        large = books.dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=audience)
        returned = time.time()
        _until_sending(books, large, _FEW_SLOTS // 2)
        for members in bench.size.small_members:
            small = audiences.generate(members, f"small{members}")
            began = time.monotonic()
            campaign = books.dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=small)
            _until_completed(books, [campaign])
            yield Figure(
                f"{members:,} members behind {ahead:,}, {_FEW_SLOTS} slots, API of 200 ms",
                time.monotonic() - began,
                "s",
                "less than 3" if members == 5000 else "",
            )
        books.dispatcher.cancel(large)
    first = target.requests()[0].began
    yield Figure(
        f"from enqueue's return of {ahead:,} members to the first request",
        1000 * (first - returned),
        "ms",
        "less than 2000",
    )


def _pausing(bench: Bench) -> Iterator[Figure]:
    """From the call of `pause` to the last request that still began."""
    ahead = bench.size.ahead_members
    delays = []
    for _ in range(bench.size.rounds):
        with (
            _served(bench, latency=_LATENCY) as (books, target),
            books.workers(1, _SLOTS),
        ):
            audience = audiences.write(bench.stage.directory, ahead, "parquet")
            campaign = books.dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=audience)
            _until_sending(books, campaign, min(_SLOTS, ahead // 1000) // 3)
            asked = time.time()
            books.dispatcher.pause(campaign)
            _until_nothing_sends(books, campaign)
        delays.append(max(0.0, target.requests()[-1].began - asked))
    value = middle(delays)
    assert value is not None
    yield Figure(
        f"from pause to the last request that begins, {_SLOTS} slots", value, "s", "at most 0.3"
    )


def _many(bench: Bench) -> Iterator[Figure]:
    """Many campaigns: what they cost at rest, and how they get on when all begin at once."""
    with _served(bench, latency=0.0) as (books, target):
        with books.workers(1, _SLOTS) as (worker,):
            yield from _idle(bench, worker.process, "no campaign")
        campaigns = _paused_campaigns(books, bench.size.campaigns)
        with books.workers(1, _SLOTS) as (worker,):
            yield from _idle(bench, worker.process, f"{len(campaigns)} paused campaigns", 5)
        with books.workers(2, 32):
            books.execute(_BEGIN_ALL)
            _until_completed(books, campaigns)
    requests = target.requests()
    took = max(request.ended for request in requests) - requests[0].began
    title = f"{len(campaigns)} campaigns of {_CHUNKS_OF_MANY} chunks at once"
    yield Figure(title, len(requests) / took, "chunks/s")


def _paused_campaigns(books: Books, many: int) -> list[str]:
    campaigns = []
    for number in range(many):
        audience = audiences.generate(1000 * _CHUNKS_OF_MANY, f"c{number}")
        campaign = books.dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=audience)
        books.dispatcher.pause(campaign)
        campaigns.append(campaign)
    return campaigns


def _idle(
    bench: Bench, worker: psutil.Process, while_: str, asked: float | None = None
) -> Iterator[Figure]:
    """What a worker and PostgreSQL use when there is nothing to do, as a share of one core."""
    of_worker, of_postgresql = _shares(bench, worker, bench.size.idle_seconds)
    yield Figure(f"idle, {while_}: worker", of_worker, "% of a core")
    yield Figure(f"idle, {while_}: PostgreSQL", of_postgresql, "% of a core")
    wanted = f"less than {asked:g}" if asked else ""
    yield Figure(f"idle, {while_}: both", of_worker + of_postgresql, "% of a core", wanted)


def _shares(bench: Bench, worker: psutil.Process, seconds: float) -> tuple[float, float]:
    """Per cent of a core, once what starting took is over."""
    time.sleep(min(_SETTLE_SECONDS, seconds))
    postgresql = bench.stage.postgresql
    before, began = (cpu_of(worker), cpu_of(postgresql)), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return (
        100 * (cpu_of(worker) - before[0]) / took,
        100 * (cpu_of(postgresql) - before[1]) / took,
    )


@contextmanager
def _served(bench: Bench, latency: float) -> Iterator[tuple[Books, Sink]]:
    """Books that send to a sink; its requests are known afterwards."""
    with bench.stage.books() as books, sink(bench.stage.directory, latency) as target:
        yield books.sending_to(target.url), target


def _until_completed(books: Books, campaigns: Sequence[str]) -> None:
    query = "SELECT count(*) FROM campaign WHERE state = 'completed' AND id::text = ANY(:ids)"
    wait_until(
        lambda: books.count(query, {"ids": list(campaigns)}) == len(campaigns),
        within=_PATIENCE,
        what=f"{len(campaigns)} campaigns complete",
        poll=0.02,
    )


def _until_sending(books: Books, campaign: str, chunks: int) -> None:
    wait_until(
        lambda: _sending(books, campaign) >= chunks,
        within=_PATIENCE,
        what=f"{chunks} chunks are being sent",
        poll=0.02,
    )


def _until_nothing_sends(books: Books, campaign: str) -> None:
    wait_until(
        lambda: _sending(books, campaign) == 0,
        within=_PATIENCE,
        what="nothing is sent any more",
    )


def _sending(books: Books, campaign: str) -> int:
    query = "SELECT count(*) FROM chunk WHERE campaign_id::text = :id AND state = 'sending'"
    return books.count(query, {"id": campaign})
