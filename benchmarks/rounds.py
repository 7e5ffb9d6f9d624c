"""Rounds in which everybody sends the same chunks in turn, and the tables that tell of them."""

from collections.abc import Iterator, Sequence

from benchmarks.bench import Bench
from benchmarks.contestants.contestant import Contestant
from benchmarks.findings import Table, middle
from benchmarks.racing import Run, race

_COLUMNS = (
    *("", "chunks", "chunks/s", "CPU ms: workers", "PostgreSQL", "broker"),
    *("worker MB", "broker MB", "first request ms"),
)
_NOTE = (
    "Milliseconds of CPU are for each chunk; those of a peer's workers hold its producer's, too. "
    "Memory is that of the largest worker process, and of the broker, both at their most. "
    "The first request is counted from the order to send: `resume`, or a peer's first message."
)

Entry = tuple[Contestant, int]
"""Who sends how many chunks."""


def rounds_of(
    bench: Bench, entries: Sequence[Entry], *, latency: float, rounds: int, after: int = 0
) -> Iterator[Run]:
    """Everybody in turn, as often as asked; ours first, whose chunks the others copy."""
    for number in range(after, after + rounds):
        with bench.stage.books() as books:
            for contestant, chunks in entries:
                run = race(
                    bench.stage, books, contestant, chunks=chunks, latency=latency, number=number
                )
                bench.say(
                    f"send: {run.contestant}, {chunks} chunks, {1000 * latency:.0f} ms, "
                    f"round {number + 1}: {run.rate:,.0f} chunks/s"
                )
                yield run


def groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Those that were measured together; each begins with ours."""
    found: list[list[Run]] = []
    for run in runs:
        is_ours = run.contestant.startswith("ours")
        if not found or (is_ours and _setting(found[-1][0]) != _setting(run)):
            found.append([])
        found[-1].append(run)
    return found


def _setting(run: Run) -> tuple[str, int, float]:
    return run.contestant, run.chunks, run.latency


def tables(runs: Sequence[Run]) -> Iterator[Table]:
    """One for each group."""
    for group in groups(runs):
        rows = []
        for name in dict.fromkeys(run.contestant for run in group):
            own = [run for run in group if run.contestant == name]
            rows.append(
                (
                    name,
                    own[0].chunks,
                    middle([run.rate for run in own]),
                    middle([run.workers_cpu for run in own]),
                    middle([run.postgresql_cpu for run in own]),
                    middle([run.broker_cpu for run in own]),
                    max(run.worker_memory for run in own) / 1e6,
                    max(run.broker_memory for run in own) / 1e6,
                    middle([1000 * run.first_request for run in own]),
                )
            )
        rounds = 1 + max(run.round for run in group) - min(run.round for run in group)
        title = f"{group[0].chunks:,} chunks, API latency {1000 * group[0].latency:.0f} ms"
        yield Table(f"{title}, medians of {rounds}", _COLUMNS, tuple(rows), _NOTE)
