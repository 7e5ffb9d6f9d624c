"""What the console costs: its first page over years of campaigns, uploads, and who looks on."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import psutil
import requests
from sqlalchemy import text

from benchmarks import audiences, browsing
from benchmarks.bench import Bench
from benchmarks.campaign import APP, MESSAGE
from benchmarks.findings import Findings, Ratio, Table, middle
from benchmarks.meters import wait_until
from benchmarks.programs import program
from benchmarks.sinks import sink
from benchmarks.stage import Books
from dispatcher.books.session import transaction

_NAME = "benchmarked-console"
"""What PostgreSQL calls the console's sessions."""
_PLACE = re.compile(r"http://127\.0\.0\.1:\d+")
_PATIENCE = 60
_RATE = 20

_CAMPAIGNS = """
INSERT INTO campaign (id, content_digest, app_id, standing_version, campaign_tag, platforms,
    account, message, created_at, started_at, resumed_at, finished_at, state, input_read,
    input_invalid,
    input_duplicates, input_suppressed, input_excluded, input_absent, members_total,
    members_remaining, members_delivered, members_rejected, chunks_total, chunks_pending,
    chunks_delivered, chunks_rejected)
SELECT gen_random_uuid(), '', 'app-' || n % 7, 0, 'tag-' || n % 40, '{ios}', 'default', '{}',
    now() - n * interval '10 min', now() - n * interval '10 min', now() - n * interval '10 min',
    now() - n * interval '10 min' + interval '5 min', 'completed', 1000 * :chunks, 0, 0, 0, 0, 0,
    1000 * :chunks, 0, 1000 * :chunks - 1000, 1000, :chunks, 0, :chunks - 1, 1
FROM generate_series(1, :campaigns) AS n
"""
_CHUNKS = """
INSERT INTO chunk (campaign_id, sequence, size, members, state, attempt, claimed_at, claimed_by,
    settled_at, audience, successful, erroneous, http_status, code, error)
SELECT id, 1, 1000, '', 'rejected', 1, created_at, 'w', created_at, NULL, NULL, NULL, 400, 33,
    'It was refused.' FROM campaign
UNION ALL
SELECT id, sequence, 1000, '', 'delivered', 1, created_at, 'w', created_at, 1000, 990, 10,
    NULL, NULL, NULL FROM campaign CROSS JOIN generate_series(2, :chunks) AS sequence
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured, in a unit, and what was asked of it."""

    what: str
    value: float
    unit: str
    asked: str


@dataclass(frozen=True, slots=True)
class _Console:
    """A running console, for an admin with a token and a session."""

    url: str
    process: psutil.Process
    token: str
    session: str

    def get(self, path: str) -> requests.Response:
        """The answer to somebody who has signed in."""
        answer = requests.get(
            f"{self.url}{path}",
            cookies={"dispatcher": self.session},
            headers={"Accept": "text/html"},
            timeout=_PATIENCE,
        )
        answer.raise_for_status()
        return answer

    def ask(self, method: str, path: str, **more: object) -> requests.Response:
        """The answer to a program."""
        answer = requests.request(
            method,
            f"{self.url}/api/v1{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=10 * _PATIENCE,
            **more,  # type: ignore[arg-type]
        )
        answer.raise_for_status()
        return answer

    @property
    def peak(self) -> float:
        """The most bytes of memory that it held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (found,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
        return 1024 * int(found)


def run(bench: Bench) -> Findings:
    """Each figure in turn."""
    figures: list[Figure] = []
    for measure in (_upload, _streams, _first_page):
        for figure in measure(bench):
            bench.say(f"console: {figure.what}: {figure.value:.3g} {figure.unit}")
            figures.append(figure)
    rows = tuple((f.what, f.value, f.unit, f.asked) for f in figures)
    return Findings(
        "console",
        ratios=[Ratio(f"{f.what}, {f.unit}", f.value, f.asked) for f in figures],
        tables=[Table("The console", ("", "value", "unit", "asked"), rows)],
        runs=[asdict(figure) for figure in figures],
    )


@contextmanager
def _console(books: Books) -> Iterator[_Console]:
    token = books.dispatcher.token_add("benchmark", "admin").reveal()
    password = books.dispatcher.user_add("benchmark", "admin").reveal()
    session = books.dispatcher.sign_in("benchmark", password, "127.0.0.1").reveal()
    arguments = ["console", "--port", "0", "--host", "127.0.0.1"]
    environment = books.environment | {"PGAPPNAME": _NAME}
    with program(
        arguments, environment=environment, directory=books.directory, name="console"
    ) as started:
        log = started.log
        wait_until(
            lambda: bool(_PLACE.search(log.read_text())), within=_PATIENCE, what="the console"
        )
        (url, *_) = _PLACE.findall(log.read_text())
        yield _Console(url, started.process, token, session)


def _first_page(bench: Bench) -> Iterator[Figure]:
    """The list of campaigns of years, as it is asked for and as a program reads it."""
    campaigns, chunks = bench.size.years
    with bench.stage.books() as books:
        bench.say(f"console: writing {campaigns:,} campaigns of {chunks:,} chunks")
        books.execute("INSERT INTO account (name) VALUES ('default')")
        with transaction(books.engine) as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            # Rows as they are after years: no trigger has to look at each of them.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(_CAMPAIGNS), {"campaigns": campaigns, "chunks": chunks})
            connection.execute(text(_CHUNKS), {"chunks": chunks})
        books.execute("ANALYZE campaign, chunk")
        bench.stage.settle()
        with _console(books) as console:
            console.get("/")
            of = f"{campaigns:,} campaigns, {campaigns * chunks:,} chunks"
            for what, path in (("the first page", "/"), ("a page of one tag", "/?tag=tag-3")):
                took = _median(bench, partial(console.get, path))
                yield Figure(f"{what} of {of}", 1000 * took, "ms", "below 300")
            took = _median(bench, partial(books.dispatcher.list, limit=51))
            yield Figure(f"`list` of {of}", 1000 * took, "ms", "below 300")
            yield from _painted(bench, console, of)


def _painted(bench: Bench, console: _Console, of: str) -> Iterator[Figure]:
    """The list as a browser sees it that was never there, on a machine that has one."""
    if not browsing.is_there:
        bench.say("console: no chromium here: the first paint is not timed")
        return
    with browsing.looking(console.url, console.session) as look:
        look("/")
        seen = [look("/") for _ in range(3 * bench.size.calls)]
    painted = middle([each.painted for each in seen])
    assert painted is not None
    yield Figure(f"the list's first paint, {of}", painted, "ms", "below 300")
    most = max(each.transferred for each in seen)
    yield Figure("the list with all that it loads", most / 1e3, "KB", "below 100")


def _median(bench: Bench, call: Callable[[], object]) -> float:
    found = []
    for _ in range(3 * bench.size.calls):
        began = time.monotonic()
        call()
        found.append(time.monotonic() - began)
    value = middle(found)
    assert value is not None
    return value


def _upload(bench: Bench) -> Iterator[Figure]:
    """An audience that comes as an upload: until it is there, until its campaign is."""
    members = bench.size.members
    path = audiences.write(bench.stage.directory, members, "csv")
    with bench.stage.books() as books, _console(books) as console:
        began = time.monotonic()
        with path.open("rb") as file:
            uploaded = console.ask("PUT", "/uploads/members.csv", data=file).json()["upload"]
        sent = time.monotonic()
        order = {"app_id": APP, "message": MESSAGE, "upload": uploaded}
        console.ask("POST", "/campaigns", json=order)
        prepared = time.monotonic()
        of = f"of {members:,} members"
        yield Figure(f"an upload {of}", sent - began, "s", "-")
        yield Figure(f"its campaign, from the upload on, {of}", prepared - sent, "s", "below 5")
        yield Figure(f"the server's peak {of}", console.peak / 1e6, "MB", "below 300")


def _streams(bench: Bench) -> Iterator[Figure]:
    """What those cost who look on while a campaign runs, of one core."""
    with bench.stage.books() as empty, sink(empty.directory, 0.1) as target:
        books = empty.sending_to(target.url)
        with _console(books) as console, books.workers(1, 8):
            members = audiences.write(bench.stage.directory, bench.size.members, "csv")
            books.dispatcher.enqueue(app_id=APP, message=MESSAGE, audience=members, rate=_RATE)
            heard = [_listening(console) for _ in range(bench.size.streams)]
            wait_until(lambda: all(heard), within=_PATIENCE, what="each stream is live")
            before = _cpu(books, console)
            began = time.monotonic()
            time.sleep(bench.size.stream_seconds)
            seconds = time.monotonic() - began
            server, database = (
                100 * (now - then) / seconds
                for now, then in zip(_cpu(books, console), before, strict=True)
            )
            of = f"of {bench.size.streams} streams"
            yield Figure(f"the server's CPU {of}", server, "% of a core", "below 50")
            yield Figure(f"PostgreSQL's CPU for it {of}", database, "% of a core", "below 5")


def _listening(console: _Console) -> list[bytes]:
    """A page that is live, read as it comes until the console ends; its first event is in the list
    once it is there.
    """
    heard: list[bytes] = []
    answer = requests.get(
        f"{console.url}/live",
        cookies={"dispatcher": console.session},
        stream=True,
        timeout=_PATIENCE,
    )
    answer.raise_for_status()

    def listen() -> None:
        with answer, suppress(requests.RequestException):
            for line in answer.iter_lines():
                if line.startswith(b"data:") and not heard:
                    heard.append(line)

    threading.Thread(target=listen, daemon=True).start()
    return heard


def _cpu(books: Books, console: _Console) -> tuple[float, float]:
    """Seconds of CPU of the console, and of its sessions in PostgreSQL."""
    with transaction(books.engine) as connection:
        asked = text("SELECT pid FROM pg_stat_activity WHERE application_name = :name")
        sessions = connection.scalars(asked, {"name": _NAME}).all()
    return (
        sum(console.process.cpu_times()[:2]),
        sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in sessions),
    )
