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
from benchmarks.contestants.loop import CONNECTIONS, Loop
from benchmarks.contestants.ours import Ours
from benchmarks.findings import Findings, Ratio, middle
from benchmarks.racing import Run
from benchmarks.rounds import Entry, groups, rounds_of, tables
from benchmarks.suites import in_flight

_LATENCY = 0.1


def run(bench: Bench) -> Findings:
    """Everything at 0 ms and at 100 ms; the large campaign once at each; then many in flight."""
    runs = [*_at_once(bench), *_with_latency(bench), *_large(bench)]
    wide = list(in_flight.run(bench))
    return Findings(
        "send",
        ratios=[*_ratios(runs), *in_flight.ratios(wide)],
        tables=list(tables([*runs, *wide])),
        runs=[asdict(run) for run in [*runs, *wide]],
    )


def _at_once(bench: Bench) -> Iterator[Run]:
    chunks = bench.size.chunks
    entries: list[Entry] = [
        (Ours(_audience(bench, chunks)), chunks),
        *_loops(chunks),
        *_peers(bench),
    ]
    yield from rounds_of(bench, entries, latency=0.0, rounds=bench.size.rounds)


def _with_latency(bench: Bench) -> Iterator[Run]:
    """Every round but the first without the peers, who take long; a single one too."""
    chunks, rounds = bench.size.chunks, bench.size.rounds
    ours = Ours(_audience(bench, chunks), processes=1, slots=CONNECTIONS)
    entries: list[Entry] = [(ours, chunks), *_loops(chunks)]
    if rounds > 1:
        yield from rounds_of(bench, [*entries, *_peers(bench)], latency=_LATENCY, rounds=1)
        yield from rounds_of(bench, entries, latency=_LATENCY, rounds=rounds - 1, after=1)
    else:
        yield from rounds_of(bench, entries, latency=_LATENCY, rounds=1)


def _large(bench: Bench) -> Iterator[Run]:
    chunks = bench.size.many_chunks
    if chunks:
        entries: list[Entry] = [(Ours(_audience(bench, chunks)), chunks), *_loops(chunks)]
        yield from rounds_of(bench, entries, latency=0.0, rounds=1)
        ours = Ours(_audience(bench, chunks), processes=1, slots=CONNECTIONS)
        entries = [(ours, chunks), *_loops(chunks)]
        yield from rounds_of(bench, entries, latency=_LATENCY, rounds=1)


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


def _ratios(runs: Sequence[Run]) -> Iterator[Ratio]:
    asked = {
        ("loop", 0.0): "at least 0.5",
        ("plain", 0.0): "at least 8",
        ("dramatiq", 0.0): "more than 1",
        ("procrastinate", 0.0): "more than 1",
        ("loop", _LATENCY): "at least 0.85",
    }
    for group in groups(runs):
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
