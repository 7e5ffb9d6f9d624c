"""Many requests in flight in one worker, at a slow API; beside it a loop as wide."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks import audiences
from benchmarks.bench import Bench
from benchmarks.contestants.loop import Loop
from benchmarks.contestants.ours import Ours
from benchmarks.findings import Ratio, middle
from benchmarks.racing import Run
from benchmarks.rounds import Entry, groups, rounds_of

_LATENCIES = (0.1, 0.3)
_CLIENT = "aiohttp"
_MOST_MEMORY = "at most 200"

_COMPARED: Sequence[tuple[str, Callable[[Run], float], str]] = (
    ("chunks/s", lambda run: run.rate, "at least 0.85"),
    ("workers' CPU a chunk", lambda run: run.workers_cpu, "at most 1.6"),
    ("PostgreSQL's CPU a chunk", lambda run: run.postgresql_cpu, "at most 2"),
)


def run(bench: Bench) -> Iterator[Run]:
    """Each latency with each width, ours and the loop in turn."""
    for latency in _LATENCIES:
        for width in bench.size.widths:
            chunks = _chunks(bench, latency, width)
            entries: list[Entry] = [
                (Ours(_audience(bench, chunks), processes=1, slots=width), chunks),
                (Loop(_CLIENT, width), chunks),
            ]
            yield from rounds_of(bench, entries, latency=latency, rounds=bench.size.rounds)


def ratios(runs: Sequence[Run]) -> Iterator[Ratio]:
    """Ours to the loop: the rate and what it costs; and the memory of the widest."""
    for group in groups(runs):
        name = group[0].contestant
        ours = {run.round: run for run in group if run.contestant == name}
        loops = [run for run in group if run.contestant != name]
        where = f"{1000 * group[0].latency:.0f} ms, {name.removeprefix('ours, ')}"
        for title, figure, asked in _COMPARED:
            measured = [(figure(ours[run.round]), figure(run)) for run in loops]
            value = middle([mine / theirs if theirs else None for mine, theirs in measured])
            if value is not None:
                yield Ratio(f"in flight, {where}: {title}, ours to the loop", value, asked)
        most = max(run.worker_memory for run in ours.values()) / 1e6
        yield Ratio(f"in flight, {where}: the worker's memory, MB", most, _MOST_MEMORY)


def _chunks(bench: Bench, latency: float, width: int) -> int:
    """What takes the size's seconds, if the API is all that is waited for; not too many."""
    return min(bench.size.wide_chunks, round(bench.size.wide_seconds * width / latency))


def _audience(bench: Bench, chunks: int) -> Path:
    return audiences.write(bench.stage.directory, chunks * 1000, "parquet")
