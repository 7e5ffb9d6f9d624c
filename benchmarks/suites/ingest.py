"""Preparing and committing an audience: ours from each kind of source, COPY, and the ORM.

Each run has a process of its own, so that its memory at the most is its own.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks import audiences
from benchmarks.bench import Bench
from benchmarks.curves import Curve
from benchmarks.findings import Findings, Ratio, Table, middle
from benchmarks.meters import cpu_of
from benchmarks.programs import output_of

COPY = "COPY into a table with a primary key"
ORM = "the ORM's bulk insert"
_MOST_COPIED = 1_000_000
"""Members; ten million of them take minutes, as their key does not fit into memory any more."""
CSV, GENERATOR = "ours, CSV", "ours, a generator"
_COLUMNS = (
    *("", "members", "members/s", "wall s", "CPU s", "PostgreSQL CPU s"),
    *("peak MB", "stored MB", "bytes a member"),
)
OURS = {CSV: "csv", "ours, JSON Lines": "jsonl", "ours, Parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class Run:
    """One audience; CPU in seconds, memory and what is on disk in bytes."""

    how: str
    round: int
    members: int
    seconds: float
    cpu: float
    postgresql_cpu: float
    memory: int
    stored: int

    @property
    def rate(self) -> float:
        """Members a second."""
        return self.members / self.seconds


def run(bench: Bench) -> Findings:
    """Every source and peer in turn, and the large audience once."""
    runs = [*_usual(bench), *_large(bench)]
    return Findings(
        "ingest",
        ratios=list(_ratios(runs)),
        tables=list(_tables(runs)),
        curves=_curves(runs),
        runs=[asdict(run) for run in runs],
    )


def _usual(bench: Bench) -> Iterator[Run]:
    members = bench.size.members
    small = max(1000, members // 10)
    for number in range(bench.size.rounds):
        for how in (*OURS, GENERATOR, COPY):
            yield _measure(bench, how, members, number)
        yield _measure(bench, ORM, bench.size.orm_members, number)
        for how in (CSV, COPY):
            yield _measure(bench, how, small, number)


def _large(bench: Bench) -> Iterator[Run]:
    members = bench.size.many_members
    if members:
        yield _measure(bench, CSV, members, 0)
        yield _measure(bench, GENERATOR, members, 0)
    if 0 < members <= _MOST_COPIED:
        yield _measure(bench, COPY, members, 0)


def _measure(bench: Bench, how: str, members: int, number: int) -> Run:
    """One run in a database of its own."""
    source = "generator"
    if how != GENERATOR:
        source = str(audiences.write(bench.stage.directory, members, OURS.get(how, "csv")))
    verb = {COPY: "copy", ORM: "orm"}.get(how, "ours")
    with bench.stage.books() as books:
        bench.stage.settle()
        stored, cpu = books.bytes, cpu_of(bench.stage.postgresql)
        told = output_of(["benchmarks.ingestion", verb, source, str(members)], books.environment)
        cpu = cpu_of(bench.stage.postgresql) - cpu
        measured = Run(
            how=how,
            round=number,
            members=members,
            postgresql_cpu=cpu,
            stored=books.bytes - stored,
            **json.loads(told),
        )
    bench.say(f"ingest: {how}, {members:,} members, round {number + 1}: {measured.rate:,.0f}/s")
    return measured


def _of(runs: Sequence[Run], how: str, members: int) -> list[Run]:
    return [run for run in runs if run.how == how and run.members == members]


def _ratios(runs: Sequence[Run]) -> Iterator[Ratio]:
    usual, many = runs[0].members, max(run.members for run in runs)
    for members in dict.fromkeys((usual, min(many, _MOST_COPIED))):
        value = _compared(runs, members, COPY, members)
        yield Ratio(f"ingest, {members:,} from CSV: ours to {COPY}", value, "at least 1.2")
    value = _compared(runs, usual, ORM, _orm(runs))
    yield Ratio(f"ingest, {usual:,} from CSV: ours to {ORM}", value, "at least 8")
    if many > usual:
        value = _compared(runs, many, CSV, usual)
        yield Ratio(
            f"ingest, rate of {many:,} from CSV to that of {usual:,}", value, "at least 0.8"
        )


def _compared(runs: Sequence[Run], members: int, peer: str, of_peer: int) -> float:
    """Ours from CSV to the peer: the median of the rounds that both have."""
    ours = {run.round: run.rate for run in _of(runs, CSV, members)}
    theirs = {run.round: run.rate for run in _of(runs, peer, of_peer)}
    return median(ours[number] / theirs[number] for number in ours.keys() & theirs.keys())


def _orm(runs: Sequence[Run]) -> int:
    return next(run.members for run in runs if run.how == ORM)


def _tables(runs: Sequence[Run]) -> Iterator[Table]:
    for members in dict.fromkeys(run.members for run in runs if run.how != ORM):
        rows = []
        for how in dict.fromkeys(run.how for run in runs):
            size = _orm(runs) if how == ORM and members == runs[0].members else members
            own = _of(runs, how, size)
            if own:
                rows.append(
                    (
                        how,
                        size,
                        middle([run.rate for run in own]),
                        middle([run.seconds for run in own]),
                        middle([run.cpu for run in own]),
                        middle([run.postgresql_cpu for run in own]),
                        max(run.memory for run in own) / 1e6,
                        own[0].stored / 1e6,
                        own[0].stored / size,
                    )
                )
        rounds = len(_of(runs, CSV, members))
        yield Table(f"{members:,} members, medians of {rounds}", _COLUMNS, tuple(rows))


def _curves(runs: Sequence[Run]) -> list[Curve]:
    series = {}
    for how in (CSV, GENERATOR, COPY):
        sizes = sorted({run.members for run in runs if run.how == how})
        medians = [(n, middle([run.seconds for run in _of(runs, how, n)])) for n in sizes]
        series[how] = [(n, seconds) for n, seconds in medians if seconds is not None]
    return [Curve("ingest", "Preparing and committing an audience", "members", "seconds", series)]
