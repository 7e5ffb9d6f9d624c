"""What people cost who are to get nothing, or to be found: in preparing, sending, and the books."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from sqlalchemy import text

from benchmarks import audiences
from benchmarks.bench import Bench
from benchmarks.campaign import APP, MESSAGE
from benchmarks.findings import Findings, Ratio, Table
from benchmarks.meters import cpu_of, wait_until
from benchmarks.programs import output_of
from benchmarks.sinks import sink
from benchmarks.stage import Books
from dispatcher.books.session import transaction

_ADDED = 100_000
_LISTED = "listed-app"
_LATENCY = 0.02
_PATIENCE = 600
_DELIVERED = """
UPDATE chunk
SET state = 'delivered', attempt = 1, claimed_at = now(), claimed_by = 'w', settled_at = now(),
    audience = size, successful = size, erroneous = 0
WHERE campaign_id = :campaign
"""
_ROUNDS = 3
_LONGER = 4
"""Times the chunks of a campaign that is sent elsewhere: adding takes seconds."""
_AMID = 0.2
"""Of a campaign's chunks, when people are added."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured, and what was asked of it."""

    what: str
    value: float
    asked: str


def run(bench: Bench) -> Findings:
    """Each figure in turn."""
    figures: list[Figure] = []
    for measure in (_left_out, _added_amid, _found):
        for figure in measure(bench):
            bench.say(f"people: {figure.what}: {figure.value:.3g}")
            figures.append(figure)
    return Findings(
        "people",
        ratios=[Ratio(figure.what, figure.value, figure.asked) for figure in figures],
        tables=[
            Table(
                "People who are left out, or found",
                ("", "value", "asked"),
                tuple((figure.what, figure.value, figure.asked) for figure in figures),
            )
        ],
        runs=[asdict(figure) for figure in figures],
    )


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one preparation: seconds, the seconds of CPU of it and of PostgreSQL, bytes of memory."""

    seconds: float
    cpu: float
    memory: float


def _left_out(bench: Bench) -> Iterator[Figure]:
    """A preparation with a standing list, or another campaign's members, to be left out."""
    members = bench.size.members
    tokens = str(audiences.write(bench.stage.directory, members, "csv"))
    people = str(audiences.write_people(bench.stage.directory, members))
    others = audiences.write_people(bench.stage.directory, members, begin=members // 2)
    with bench.stage.books() as books:
        books.dispatcher.suppress_import(_LISTED, audiences.strangers(members))
        reached = _reached(books, others)
        hows = {
            "tokens": ["ours", tokens, str(members)],
            "listed": ["ours", tokens, str(members), _LISTED],
            "people": ["ours", people, str(members)],
            "excluding": ["ours", people, str(members), APP, reached],
        }
        costs: dict[str, list[_Cost]] = {how: [] for how in hows}
        for _ in range(max(_ROUNDS, bench.size.rounds)):
            for how, arguments in hows.items():
                bench.stage.settle()
                costs[how].append(_cost(bench, books, arguments))
    yield Figure(
        f"a standing list of {members:,}: CPU of preparing as many tokens, to that without",
        _compared(costs, "listed", "tokens", lambda cost: cost.cpu),
        "at most 1.2",
    )
    yield Figure(
        "the same: seconds of preparing, to those without",
        _compared(costs, "listed", "tokens", lambda cost: cost.seconds),
        "at most 1.2",
    )
    yield Figure(
        f"--exclude of {members:,}: rate of as many, each a token and a userId, to that without",
        _compared(costs, "people", "excluding", lambda cost: cost.seconds),
        "at least 0.7",
    )
    yield Figure(
        "--exclude: CPU of preparing, to that without",
        _compared(costs, "excluding", "people", lambda cost: cost.cpu),
        "-",
    )
    peak = max(cost.memory for cost in costs["excluding"]) / 1e6
    yield Figure("--exclude: the process's memory at its most, MB", peak, "about 300")


def _compared(
    costs: dict[str, list[_Cost]], one: str, other: str, figure: Callable[[_Cost], float]
) -> float:
    pairs = zip(costs[one], costs[other], strict=True)
    return median(figure(mine) / figure(theirs) for mine, theirs in pairs)


def _cost(bench: Bench, books: Books, arguments: list[str]) -> _Cost:
    before = cpu_of(bench.stage.postgresql)
    told = json.loads(output_of(["benchmarks.ingestion", *arguments], books.environment))
    cpu = told["cpu"] + cpu_of(bench.stage.postgresql) - before
    return _Cost(told["seconds"], cpu, told["memory"])


def _ordered(books: Books, source: Path) -> str:
    """A campaign for later."""
    later = datetime.now(UTC) + timedelta(days=1)
    return books.dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=source, send_at=later)


def _reached(books: Books, source: Path) -> str:
    """A campaign whose chunks were all delivered."""
    campaign = _ordered(books, source)
    with transaction(books.engine) as connection:
        # Rows as they end: no trigger has to look at each of them.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(_DELIVERED), {"campaign": campaign})
    books.execute("ANALYZE chunk")
    return campaign


def _added_amid(bench: Bench) -> Iterator[Figure]:
    """The longest gap between two requests, with so many put on the list amid a campaign."""
    chunks = _LONGER * bench.size.chunks
    source = audiences.write(bench.stage.directory, chunks * 1000, "parquet")
    with bench.stage.books() as empty, sink(empty.directory, _LATENCY) as target:
        books = empty.sending_to(target.url)
        dispatcher = books.dispatcher
        campaign = dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=source)
        dispatcher.pause(campaign)

        def done() -> int:
            return dispatcher.show(campaign).members.delivered // 1000

        with books.workers():
            bench.stage.settle()
            dispatcher.resume(campaign)
            wait_until(lambda: done() >= _AMID * chunks, within=_PATIENCE, what="it is sent")
            began = time.time()
            dispatcher.suppress_add(APP, [f"userId=nobody-{number}" for number in range(_ADDED)])
            took = time.time() - began
            wait_until(lambda: done() >= chunks, within=_PATIENCE, what="it has ended")
    times = [request.began for request in target.requests()]
    gaps = [after - before for before, after in pairwise(times)]
    of = f"{_ADDED:,} added at once amid {chunks:,} chunks"
    yield Figure(f"{of}: the longest gap between two requests, s", max(gaps), "below 0.5")
    yield Figure(f"{of}: the adding, s", took, "-")


def _found(bench: Bench) -> Iterator[Figure]:
    """Somebody who is found among all stored members, and forgotten."""
    members = max(bench.size.many_members, bench.size.members)
    source = audiences.write_people(bench.stage.directory, members)
    with bench.stage.books() as books:
        empty = books.bytes
        _ordered(books, source)
        source.unlink()
        bench.stage.settle()
        yield Figure(
            f"{members:,} stored, each a token and a userId: bytes a member",
            (books.bytes - empty) / members,
            "-",
        )
        user = f"userId={audiences.user(members // 2)}"
        found = [_seconds(partial(books.dispatcher.find, user)) for _ in range(3)]
        yield Figure(f"`find` among {members:,}, s", median(found), "below 5")
        forgotten = _seconds(partial(books.dispatcher.forget, user))
        yield Figure(f"`forget` among {members:,}, s", forgotten, "-")
        assert not books.dispatcher.find(user)


def _seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began
