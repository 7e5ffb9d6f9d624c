"""One contestant's run: its rate as the sink has seen it, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from benchmarks.contestants.contestant import Contestant
from benchmarks.meters import cpu_of, largest, memory_of, wait_until
from benchmarks.programs import Program
from benchmarks.sinks import sink
from benchmarks.stage import Books, Stage

_PATIENCE = 300


@dataclass(frozen=True, slots=True)
class Run:
    """One contestant's run; CPU is milliseconds a chunk, memory bytes."""

    contestant: str
    round: int
    latency: float
    chunks: int
    requests: int
    rate: float
    first_request: float
    workers_cpu: float
    postgresql_cpu: float
    broker_cpu: float
    worker_memory: float
    broker_memory: float


class Meter:
    """CPU since it was made, and the most memory that it has seen."""

    def __init__(self, stage: Stage, workers: Sequence[Program]) -> None:
        self._stage = stage
        self._workers = [worker.process for worker in workers]
        self.worker_memory = 0.0
        self.broker_memory = 0.0
        self._before = self._cpu()

    def look(self) -> None:
        """Note how much memory is held now."""
        self.worker_memory = max(self.worker_memory, *map(largest, self._workers))
        self.broker_memory = max(self.broker_memory, memory_of(self._stage.broker))

    def cpu(self) -> tuple[float, float, float]:
        """Seconds of the workers, of PostgreSQL and of the broker."""
        workers, postgresql, broker = (
            now - before for now, before in zip(self._cpu(), self._before, strict=True)
        )
        return workers, postgresql, broker

    def _cpu(self) -> tuple[float, float, float]:
        workers: list[psutil.Process] = self._workers
        return sum(map(cpu_of, workers)), cpu_of(self._stage.postgresql), cpu_of(self._stage.valkey)


def race(
    stage: Stage, books: Books, contestant: Contestant, *, chunks: int, latency: float, number: int
) -> Run:
    """One contestant's run."""
    with sink(books.directory, latency) as target:
        there = books.sending_to(target.url)
        contestant.prepare(there, chunks)
        with contestant.workers(there) as workers:
            stage.settle()
            meter = Meter(stage, workers)
            started = contestant.start(there, chunks)
            wait_until(
                lambda: contestant.is_done(there, chunks),
                within=_PATIENCE,
                what=f"{contestant.name} sends {chunks} chunks",
                meanwhile=meter.look,
                poll=0.2,
            )
            workers_cpu, postgresql_cpu, broker_cpu = meter.cpu()
            meter.look()
    requests = target.requests()
    if len(requests) < chunks:
        raise ValueError(f"{contestant.name} made {len(requests)} requests for {chunks} chunks")
    took = max(0.001, max(request.ended for request in requests) - requests[0].began)
    return Run(
        contestant=contestant.name,
        round=number,
        latency=latency,
        chunks=chunks,
        requests=len(requests),
        rate=chunks / took,
        first_request=requests[0].began - started.at,
        workers_cpu=1000 * (workers_cpu + started.cpu) / chunks,
        postgresql_cpu=1000 * postgresql_cpu / chunks,
        broker_cpu=1000 * broker_cpu / chunks,
        worker_memory=meter.worker_memory,
        broker_memory=meter.broker_memory,
    )
