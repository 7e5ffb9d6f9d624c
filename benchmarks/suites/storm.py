"""What faults cost: a worker's CPU for each request in a storm, and without one.

The sandbox plays the Push API. A storm has many waits, and upkeep goes on meanwhile: what the
workers use when idle is taken off, and the calm is measured at full speed and, with an API that
takes its time, at about the storm's pace.
"""

import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from benchmarks import audiences
from benchmarks.bench import Bench
from benchmarks.campaign import APP, MESSAGE
from benchmarks.findings import Findings, Ratio, Table, middle
from benchmarks.meters import cpu_of, wait_until
from benchmarks.programs import HOST, Program, environment, free_port, program, wait_for_port
from benchmarks.stage import Books
from dispatcher.audience import Source
from tests.faults.weather import STORM

CALM = "calm"
SLOW_CALM = "calm, each request 4 s"
_STORM = "storm"
_WEATHERS = {
    CALM: {},
    SLOW_CALM: {"latency": 4.0},
    _STORM: {"probabilities": dict(STORM), "retry_after": 1},
}
_SLOTS = 16
_TIMEOUT = 5.0
_IDLE_SECONDS = 10.0
_PATIENCE = 180


@dataclass(frozen=True, slots=True)
class Run:
    """One campaign; CPU is the workers' in milliseconds a request."""

    weather: str
    round: int
    chunks: int
    requests: int
    seconds: float
    cpu_with_idling: float
    cpu: float


def run(bench: Bench) -> Findings:
    """All weathers in turn."""
    runs = []
    for number in range(bench.size.rounds):
        for weather in _WEATHERS:
            run = _measure(bench, weather, number)
            bench.say(f"storm: {weather}: {run.cpu:.2f} ms of CPU a request")
            runs.append(run)
    columns = ("", "chunks", "requests", "seconds", "CPU ms a request", "with idling")
    rows = []
    for weather in _WEATHERS:
        own = [run for run in runs if run.weather == weather]
        rows.append(
            (
                weather,
                own[0].chunks,
                middle([run.requests for run in own]),
                middle([run.seconds for run in own]),
                middle([run.cpu for run in own]),
                middle([run.cpu_with_idling for run in own]),
            )
        )
    title = "storm, a worker's CPU for each request: with faults to without"
    ratios = [
        Ratio(f"{title}, at the same pace", _ratio(runs, SLOW_CALM), "at most 1.3"),
        Ratio(f"{title}, at full speed", _ratio(runs, CALM), "at most 1.3"),
    ]
    return Findings(
        "storm",
        ratios=ratios,
        tables=[Table("Workers' CPU in a storm", columns, tuple(rows))],
        runs=[asdict(run) for run in runs],
    )


def _ratio(runs: Sequence[Run], to: str) -> float:
    """The storm's CPU to that of another weather, in the middle of the rounds."""
    other = {run.round: run.cpu for run in runs if run.weather == to}
    ratio = middle([run.cpu / other[run.round] for run in runs if run.weather == _STORM])
    assert ratio is not None
    return ratio


def _measure(bench: Bench, weather: str, number: int) -> Run:
    chunks = bench.size.storm_chunks
    audience = audiences.write(bench.stage.directory, chunks * 1000, "parquet")
    with bench.stage.books() as books, _push_api(books) as url:
        there = books.sending_to(url, _TIMEOUT)
        with there.workers(2, _SLOTS) as workers:
            _complete(there, audiences.generate(2 * _SLOTS * 1000))
            idle = _idle_share(workers)
            before = _requests(url)
            _set_weather(url, weather)
            cpu, began = _cpu(workers), time.monotonic()
            _complete(there, audience)
            seconds, cpu = time.monotonic() - began, _cpu(workers) - cpu
        requests = _requests(url) - before
    assert weather == _STORM or requests == chunks, "without faults a chunk takes one request"
    return Run(
        weather=weather,
        round=number,
        chunks=chunks,
        requests=requests,
        seconds=seconds,
        cpu_with_idling=1000 * cpu / requests,
        cpu=1000 * (cpu - idle * seconds) / requests,
    )


def _complete(books: Books, audience: Source) -> None:
    """Send to the audience; return when everything has come to rest."""
    campaign = books.dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=audience)
    wait_until(
        lambda: books.dispatcher.show(campaign).state == "completed",
        within=_PATIENCE,
        what="the campaign completes",
    )


@contextmanager
def _push_api(books: Books) -> Iterator[str]:
    """The sandbox; its URL."""
    port = free_port()
    with program(
        ["sandbox", "--port", str(port), "--fault-seed", "1"],
        environment=environment(),
        directory=books.directory,
        name="sandbox",
    ) as running:
        wait_for_port(running, port)
        yield f"http://{HOST}:{port}/api/v1/push/send"


def _set_weather(url: str, weather: str) -> None:
    """From now on."""
    body = json.dumps(_WEATHERS[weather]).encode()
    place = f"http://{urlsplit(url).netloc}/sandbox/faults"
    urllib.request.urlopen(
        urllib.request.Request(place, data=body, method="PUT"), timeout=10
    ).close()


def _requests(url: str) -> int:
    """How many the sandbox has seen."""
    ledger = f"http://{urlsplit(url).netloc}/sandbox/ledger"
    with urllib.request.urlopen(ledger, timeout=10) as answer:
        return int(json.load(answer)["requests"])


def _idle_share(workers: list[Program]) -> float:
    """Seconds of CPU that the workers use in a second of nothing to do."""
    time.sleep(1)
    before, began = _cpu(workers), time.monotonic()
    time.sleep(_IDLE_SECONDS)
    return (_cpu(workers) - before) / (time.monotonic() - began)


def _cpu(workers: list[Program]) -> float:
    return sum(cpu_of(worker.process) for worker in workers)
