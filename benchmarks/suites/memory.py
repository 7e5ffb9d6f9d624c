"""Memory in the long run: one worker process and the broker over a hundred thousand chunks.

Ten campaigns of ten thousand chunks each run at once. It takes minutes, so it is run when asked for
by its name only.
"""

from dataclasses import dataclass

from benchmarks import audiences
from benchmarks.bench import Bench
from benchmarks.campaign import APP, MESSAGE
from benchmarks.findings import Findings, Ratio, Table
from benchmarks.meters import largest, memory_of, wait_until
from benchmarks.sinks import sink
from benchmarks.stage import Books

_SLOTS = 64
_CAMPAIGNS = 10
_PATIENCE = 3600
_NOTE = f"One worker process with {_SLOTS} slots, {_CAMPAIGNS} campaigns at once."

# Every chunk has the members of the first one: it is their bytes that matter.
_GROW = """
INSERT INTO chunk (campaign_id, sequence, size, members)
SELECT campaign_id, n, size, members FROM chunk, generate_series(2, :chunks) AS n
WHERE campaign_id::text = :id AND sequence = 1
"""
_SUM = """
UPDATE campaign
SET members_total = 1000 * :chunks, members_remaining = 1000 * :chunks, chunks_total = :chunks,
    chunks_pending = :chunks, input_read = 1000 * :chunks
WHERE id::text = :id
"""


@dataclass
class _Most:
    """The most memory that was seen, in bytes."""

    worker: float = 0
    broker: float = 0


def run(bench: Bench) -> Findings:
    """The worker's memory as the chunks go by, and both at their most."""
    each = bench.size.memory_chunks // _CAMPAIGNS
    most = _Most()
    rows: list[tuple[str, float, float]] = []
    with bench.stage.books() as books, sink(books.directory) as target:
        there = books.sending_to(target.url)
        campaigns = [_campaign(there, number, each) for number in range(_CAMPAIGNS)]
        bench.say(f"memory: {_CAMPAIGNS} campaigns of {each:,} chunks are ready")
        with there.workers(1, _SLOTS) as (worker,):

            def look() -> int:
                """Note what is held now; how many chunks are delivered."""
                most.worker = max(most.worker, largest(worker.process))
                most.broker = max(most.broker, memory_of(bench.stage.broker))
                return books.count("SELECT coalesce(sum(chunks_delivered), 0) FROM campaign")

            for campaign in campaigns:
                there.dispatcher.resume(campaign)
            for tenths in range(1, 11):
                wait_until(
                    lambda tenths=tenths: look() >= tenths * each * _CAMPAIGNS // 10,  # type: ignore[misc]
                    within=_PATIENCE,
                    what=f"{tenths} tenths of the chunks are delivered",
                    poll=0.5,
                )
                chunks = f"{tenths * each * _CAMPAIGNS // 10:,}"
                rows.append((chunks, largest(worker.process) / 1e6, most.broker / 1e6))
                bench.say(f"memory: after {chunks} chunks the worker holds {rows[-1][1]:.0f} MB")
    total = f"{each * _CAMPAIGNS:,} chunks"
    return Findings(
        "memory",
        ratios=[
            Ratio(f"worker at its most, {total}, MB", most.worker / 1e6, "less than 150"),
            Ratio(f"broker at its most, {total}, MB", most.broker / 1e6, "less than 20"),
        ],
        tables=[
            Table(
                "Memory in the long run, MB",
                ("chunks", "worker", "broker, so far at its most"),
                tuple(rows),
                _NOTE,
            )
        ],
        runs=[{"worker": most.worker, "broker": most.broker, "chunks": each * _CAMPAIGNS}],
    )


def _campaign(books: Books, number: int, chunks: int) -> str:
    """A paused campaign of so many full chunks."""
    audience = audiences.generate(1000, f"campaign{number}")
    campaign = books.dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=audience)
    books.dispatcher.pause(campaign)
    books.execute(_GROW, {"chunks": chunks, "id": campaign})
    books.execute(_SUM, {"chunks": chunks, "id": campaign})
    return campaign
