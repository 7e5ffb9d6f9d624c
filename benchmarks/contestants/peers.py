"""The peers as contestants: how each is prepared, started and known to have ended."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks.contestants.contestant import (
    Contestant,
    Started,
    copied_chunks_are_sent,
    copy_chunks,
    publish,
)
from benchmarks.contestants.job import THREADS
from benchmarks.meters import wait_until
from benchmarks.programs import ROOT, Program, program
from benchmarks.stage import Books

_PROCESSES = 2
_PREFORK = 16
_PEER = "benchmarks.contestants"


def installed() -> list[Contestant]:
    """Celery comes with the program; the others have an environment of their own (make bench)."""
    others: list[tuple[str, Contestant]] = [
        ("dramatiq", Dramatiq()),
        ("procrastinate", Procrastinate()),
    ]
    return [PlainCelery(), *(peer for module, peer in others if find_spec(module))]


@dataclass(frozen=True, slots=True)
class PlainCelery:
    """A row a member, a task a chunk, `requests.post(json=...)`, a chord."""

    name: str = f"plain Celery, prefork {_PREFORK}"

    def prepare(self, books: Books, chunks: int) -> None:
        books.execute("DROP TABLE IF EXISTS plain_recipient, plain_campaign")
        books.execute("CREATE TABLE plain_campaign (id int PRIMARY KEY, status text NOT NULL)")
        books.execute("INSERT INTO plain_campaign VALUES (1, 'running')")
        books.execute(
            "CREATE TABLE plain_recipient (id int PRIMARY KEY, token text, status text NOT NULL)"
        )
        books.execute(
            "INSERT INTO plain_recipient"
            " SELECT n, md5(n::text) || left(md5((-n)::text), 18), 'pending'"
            " FROM generate_series(1, :chunks * 1000) AS member(n)",
            {"chunks": chunks},
        )
        books.execute("ANALYZE plain_recipient")

    @contextmanager
    def workers(self, books: Books) -> Iterator[list[Program]]:
        command = ["celery", "-A", f"{_PEER}.plain_celery", "worker", "-c", str(_PREFORK)]
        with _working(books, "plain-celery", [[*command, "-l", "INFO"]], " ready.") as running:
            yield running

    def start(self, books: Books, chunks: int) -> Started:
        return publish(f"{_PEER}.plain_celery", books, chunks)

    def is_done(self, books: Books, chunks: int) -> bool:
        status = f"sent {chunks * 1000}"
        query = "SELECT count(*) FROM plain_campaign WHERE status = :status"
        return books.count(query, {"status": status}) == 1


@dataclass(frozen=True, slots=True)
class Dramatiq:
    """The same chunk job as ours, a message a chunk."""

    name: str = f"dramatiq, {_PROCESSES} x {THREADS} threads"

    def prepare(self, books: Books, chunks: int) -> None:
        copy_chunks(books, chunks)

    @contextmanager
    def workers(self, books: Books) -> Iterator[list[Program]]:
        command = ["dramatiq", f"{_PEER}.dramatiq_peer"]
        command += ["--processes", str(_PROCESSES), "--threads", str(THREADS)]
        ready = "Worker process is ready"
        with _working(books, "dramatiq", [command], ready, times=_PROCESSES) as running:
            yield running

    def start(self, books: Books, chunks: int) -> Started:
        return publish(f"{_PEER}.dramatiq_peer", books, chunks)

    def is_done(self, books: Books, chunks: int) -> bool:
        return copied_chunks_are_sent(books, chunks)


@dataclass(frozen=True, slots=True)
class Procrastinate:
    """The same chunk job as ours, a job's row a chunk."""

    name: str = f"procrastinate, {_PROCESSES} x {THREADS} threads"

    def prepare(self, books: Books, chunks: int) -> None:
        copy_chunks(books, chunks)
        if not books.count("SELECT count(*) FROM pg_class WHERE relname = 'procrastinate_jobs'"):
            module = f"{_PEER}.procrastinate_peer"
            command = [sys.executable, "-m", module, "schema"]
            subprocess.run(command, env=books.environment, cwd=ROOT, check=True)

    @contextmanager
    def workers(self, books: Books) -> Iterator[list[Program]]:
        command = [f"{_PEER}.procrastinate_peer", "work"]
        with _working(books, "procrastinate", [command] * _PROCESSES, "ready to work") as running:
            yield running

    def start(self, books: Books, chunks: int) -> Started:
        return publish(f"{_PEER}.procrastinate_peer", books, chunks)

    def is_done(self, books: Books, chunks: int) -> bool:
        return copied_chunks_are_sent(books, chunks)


@contextmanager
def _working(
    books: Books, name: str, commands: Sequence[Sequence[str]], ready: str, times: int = 1
) -> Iterator[list[Program]]:
    """The programs, once each has said so often that it is ready."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                program(
                    command,
                    environment=books.environment,
                    directory=books.directory,
                    name=f"{name}-{number}",
                )
            )
            for number, command in enumerate(commands)
        ]
        wait_until(
            lambda: all(one.said(ready) >= times for one in running),
            within=60,
            what=f"{name} is ready",
        )
        yield running
