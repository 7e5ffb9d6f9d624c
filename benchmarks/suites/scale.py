"""What upkeep costs as a campaign grows: status, publishing, sweeping, the rollup."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from uuid import UUID

from celery import Celery

from benchmarks.bench import Bench
from benchmarks.campaign import APP, MESSAGE
from benchmarks.curves import Curve
from benchmarks.findings import Findings, Ratio, Table
from benchmarks.stage import Books
from dispatcher.books import transitions
from dispatcher.books.session import transaction
from dispatcher.publishing import producer
from workers import wiring

SLOTS = 64
_REPEATS = 9
_JUDGED = 100_000
_MOST_SECONDS = 5.0

# Half of the chunks are delivered, the rest is pending, as in the midst of a campaign.
_GROW = """
INSERT INTO chunk (campaign_id, sequence, size, members, state, attempt, claimed_at, claimed_by,
                   settled_at, audience, successful, erroneous)
SELECT campaign.id, n, 1, '[{"token":"t"}]',
       CASE WHEN n % 2 = 0 THEN 'delivered' ELSE 'pending' END,
       CASE WHEN n % 2 = 0 THEN 1 ELSE 0 END,
       CASE WHEN n % 2 = 0 THEN now() - interval '1 min' END,
       CASE WHEN n % 2 = 0 THEN 'benchmark' END,
       CASE WHEN n % 2 = 0 THEN now() - interval '1 min' END,
       CASE WHEN n % 2 = 0 THEN 1 END, CASE WHEN n % 2 = 0 THEN 1 END,
       CASE WHEN n % 2 = 0 THEN 0 END
FROM campaign, generate_series(2, :chunks) AS n
"""
_LOG = """
INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at, ended_at, outcome,
                     chunk_state)
SELECT campaign_id, sequence, 1, 1, 'benchmark', claimed_at, settled_at, 'accepted', 'delivered'
FROM chunk WHERE state = 'delivered'
"""
_SUM = """
UPDATE campaign
SET members_total = :chunks, members_remaining = :chunks, chunks_total = :chunks,
    chunks_pending = :chunks, input_read = :chunks,
    started_at = now() - interval '2 min', resumed_at = now() - interval '2 min'
"""


@dataclass(frozen=True, slots=True)
class Run:
    """Medians in milliseconds for one campaign."""

    chunks: int
    show: float
    publish: float
    sweep: float
    rollup: float


def run(bench: Bench) -> Findings:
    """A campaign of each size in a database of its own."""
    runs = []
    for chunks in bench.size.campaign_chunks:
        with bench.stage.books() as books:
            runs.append(_measure(books, chunks))
        bench.say(f"scale: {chunks:,} chunks, show in {runs[-1].show:.1f} ms")
    names = ("show", "publish", "sweep", "rollup")
    rows = tuple((run.chunks, *(getattr(run, name) for name in names)) for run in runs)
    note = (
        f"`Dispatcher.show()`, one round of publishing for {SLOTS} slots, one sweep, which has the "
        "rollup in it, and the rollup on its own; half of the chunks are delivered, half pending."
    )
    series = {name: [(run.chunks, getattr(run, name)) for run in runs] for name in names}
    return Findings(
        "scale",
        ratios=list(_ratios(runs)),
        tables=[
            Table("One running campaign, milliseconds", ("chunks", *names), _texts(rows), note)
        ],
        curves=[Curve("scale", "Upkeep of one running campaign", "chunks", "milliseconds", series)],
        runs=[asdict(run) for run in runs],
    )


def _texts(rows: tuple[tuple[float, ...], ...]) -> tuple[tuple[str | float, ...], ...]:
    return tuple((f"{row[0]:,.0f}", *row[1:]) for row in rows)


def _ratios(runs: list[Run]) -> Iterator[Ratio]:
    for run in runs:
        if run.chunks == _JUDGED:
            yield Ratio(f"scale, show() of {run.chunks:,} chunks, ms", run.show, "less than 50")


def _measure(books: Books, chunks: int) -> Run:
    campaign = books.dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=[{"token": "t"}])
    _grow(books, chunks)
    app = producer(books.settings)
    process = wiring.begin(books.settings, app, "benchmark", SLOTS)
    process.relay.sweep()
    process.relay.publish()
    if not books.count("SELECT count(*) FROM chunk WHERE published_at IS NOT NULL"):
        raise ValueError("the round of publishing published nothing")
    _unpublish(books, app)

    def roll_up() -> None:
        with transaction(books.engine) as connection:
            transitions.roll_up(connection, UUID(campaign))

    try:
        return Run(
            chunks=chunks,
            show=_median(lambda: books.dispatcher.show(campaign)),
            publish=_median(process.relay.publish, lambda: _unpublish(books, app)),
            sweep=_median(process.relay.sweep),
            rollup=_median(roll_up),
        )
    finally:
        process.courier.engine.dispose()


def _grow(books: Books, chunks: int) -> None:
    """Make the campaign as large as asked; nothing of it is published."""
    values = {"chunks": chunks}
    books.execute(_GROW, values)
    books.execute(_LOG)
    books.execute(_SUM, values)
    books.execute("UPDATE chunk SET published_at = NULL WHERE published_at IS NOT NULL")
    books.execute("ANALYZE")


def _unpublish(books: Books, app: Celery) -> None:
    """As before the round: nothing is published, no message waits."""
    books.execute("UPDATE chunk SET published_at = NULL WHERE published_at IS NOT NULL")
    with app.connection_for_write() as connection:
        connection.default_channel.client.flushall()


def _median(act: Callable[[], object], undo: Callable[[], object] = lambda: None) -> float:
    """Milliseconds; repeated as often as time allows."""
    times: list[float] = []
    until = time.monotonic() + _MOST_SECONDS
    while len(times) < _REPEATS and (time.monotonic() < until or not times):
        began = time.perf_counter()
        act()
        times.append(1000 * (time.perf_counter() - began))
        undo()
    return median(times)
