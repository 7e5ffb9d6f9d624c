"""What faults cost: a worker's CPU for each request in a storm, and without one.

The sandbox plays the Push API in both. What the workers use when idle is taken off, as a storm
has many waits.
"""

import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
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

_SLOTS = 16
_TIMEOUT = 5.0
_IDLE_SECONDS = 3.0
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
    """Calm and storm in turn."""
    runs = []
    for number in range(bench.size.rounds):
        for weather, faults in (("calm", {}), ("storm", STORM)):
            runs.append(_measure(bench, weather, faults, number))
            bench.say(f"storm: {weather}: {runs[-1].cpu:.2f} ms of CPU a request")
    columns = ("", "chunks", "requests", "seconds", "CPU ms a request", "with idling")
    rows = []
    for weather in ("calm", "storm"):
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
    calm = {run.round: run.cpu for run in runs if run.weather == "calm"}
    ratio = middle([run.cpu / calm[run.round] for run in runs if run.weather == "storm"])
    assert ratio is not None
    title = "storm, a worker's CPU for each request: with faults to without"
    return Findings(
        "storm",
        ratios=[Ratio(title, ratio, "at most 1.3")],
        tables=[Table("Workers' CPU in a storm", columns, tuple(rows))],
        runs=[asdict(run) for run in runs],
    )


def _measure(bench: Bench, weather: str, faults: Mapping[str, float], number: int) -> Run:
    chunks = bench.size.storm_chunks
    audience = audiences.write(bench.stage.directory, chunks * 1000, "parquet")
    with bench.stage.books() as books, _push_api(books) as url:
        there = books.sending_to(url, _TIMEOUT)
        with there.workers(2, _SLOTS) as workers:
            _complete(there, audiences.generate(2 * _SLOTS * 1000))
            idle = _idle_share(workers)
            before = _requests(url)
            _set_faults(url, faults)
            cpu, began = _cpu(workers), time.monotonic()
            _complete(there, audience)
            seconds, cpu = time.monotonic() - began, _cpu(workers) - cpu
        requests = _requests(url) - before
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


def _set_faults(url: str, faults: Mapping[str, float]) -> None:
    """From now on."""
    body = json.dumps({"probabilities": dict(faults), "retry_after": 1}).encode()
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
