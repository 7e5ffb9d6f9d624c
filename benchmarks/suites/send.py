"""Sending the same chunks: ours, the loop without a queue, and the peers, in turn.

From the first request to the last, as the sink has seen them. Costs are those of the time from the
order to send until everything is written down.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import audiences
from benchmarks.bench import Bench
from benchmarks.contestants import peers
from benchmarks.contestants.clients import CLIENTS
from benchmarks.contestants.contestant import Contestant
from benchmarks.contestants.loop import CONCURRENCY, Loop
from benchmarks.contestants.ours import Ours
from benchmarks.findings import Findings, Ratio, Table, middle
from benchmarks.racing import Run, race

_LATENCY = 0.1
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


def run(bench: Bench) -> Findings:
    """Everything at 0 ms and at 100 ms; the large campaign once at each, by ours and the loop."""
    runs = [*_at_once(bench), *_with_latency(bench), *_large(bench)]
    return Findings(
        "send",
        ratios=list(_ratios(runs)),
        tables=list(_tables(runs)),
        runs=[asdict(run) for run in runs],
    )


def _at_once(bench: Bench) -> Iterator[Run]:
    chunks = bench.size.chunks
    entries: list[Entry] = [
        (Ours(_audience(bench, chunks)), chunks),
        *_loops(chunks),
        *_peers(bench),
    ]
    yield from _rounds(bench, entries, latency=0.0, rounds=bench.size.rounds)


def _with_latency(bench: Bench) -> Iterator[Run]:
    """Every round but the first without the peers, who take long; a single one too."""
    chunks, rounds = bench.size.chunks, bench.size.rounds
    ours = Ours(_audience(bench, chunks), processes=1, slots=CONCURRENCY)
    entries: list[Entry] = [(ours, chunks), *_loops(chunks)]
    if rounds > 1:
        yield from _rounds(bench, [*entries, *_peers(bench)], latency=_LATENCY, rounds=1)
        yield from _rounds(bench, entries, latency=_LATENCY, rounds=rounds - 1, after=1)
    else:
        yield from _rounds(bench, entries, latency=_LATENCY, rounds=1)


def _large(bench: Bench) -> Iterator[Run]:
    chunks = bench.size.many_chunks
    if chunks:
        entries: list[Entry] = [(Ours(_audience(bench, chunks)), chunks), *_loops(chunks)]
        yield from _rounds(bench, entries, latency=0.0, rounds=1)
        ours = Ours(_audience(bench, chunks), processes=1, slots=CONCURRENCY)
        entries = [(ours, chunks), *_loops(chunks)]
        yield from _rounds(bench, entries, latency=_LATENCY, rounds=1)


def _audience(bench: Bench, chunks: int) -> Path:
    return audiences.write(bench.stage.directory, chunks * 1000, "parquet")


def _loops(chunks: int) -> list[Entry]:
    return [(Loop(client), chunks) for client in CLIENTS]


def _peers(bench: Bench) -> list[Entry]:
    size = bench.size
    return [
        (peer, size.plain_chunks if isinstance(peer, peers.PlainCelery) else size.chunks)
        for peer in peers.installed()
    ]


def _rounds(
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


def _ratios(runs: Sequence[Run]) -> Iterator[Ratio]:
    asked = {
        ("loop", 0.0): "at least 0.5",
        ("plain", 0.0): "at least 8",
        ("dramatiq", 0.0): "more than 1",
        ("procrastinate", 0.0): "more than 1",
        ("loop", _LATENCY): "at least 0.85",
    }
    for group in _groups(runs):
        first = group[0]
        ours = {run.round: run.rate for run in group if run.contestant == first.contestant}
        for name in dict.fromkeys(run.contestant for run in group[1:]):
            if name == first.contestant:
                continue
            value = middle([ours[r.round] / r.rate for r in group if r.contestant == name])
            assert value is not None
            wanted = asked.get((name.split()[0].rstrip(","), first.latency), "")
            yield Ratio(
                f"send, {first.chunks:,} chunks, {1000 * first.latency:.0f} ms: ours to {name}",
                value,
                wanted,
            )


def _groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Those that were measured together; each begins with ours."""
    groups: list[list[Run]] = []
    for run in runs:
        is_ours = run.contestant.startswith("ours")
        new = not groups or (
            is_ours
            and (groups[-1][0].chunks, groups[-1][0].latency)
            != (
                run.chunks,
                run.latency,
            )
        )
        if new:
            groups.append([])
        groups[-1].append(run)
    return groups


def _tables(runs: Sequence[Run]) -> Iterator[Table]:
    for group in _groups(runs):
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
