"""What everything is measured on: durable servers, databases of one run, workers of ours."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import psutil
import redis
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.engine import make_url

from benchmarks import sinks
from benchmarks.campaign import TOKEN
from benchmarks.meters import wait_until
from benchmarks.programs import Program, environment, program
from dispatcher import Dispatcher, Settings
from dispatcher.books.schema import migrate
from dispatcher.books.session import make_engine, transaction
from dispatcher.embedded import ServerUrls, running, temporary_home
from dispatcher.publishing import producer
from dispatcher.settings import DEFAULT_ACCOUNT, Secret

NOWHERE = "http://127.0.0.1:9/api/v1/push/send"


@dataclass(frozen=True)
class Books:
    """A migrated database of one run, an empty broker, and where its workers send."""

    directory: Path
    database_url: str
    broker_url: str
    engine: Engine
    push_api_url: str = NOWHERE
    request_timeout: float = 30.0

    def sending_to(self, push_api_url: str, request_timeout: float = 30.0) -> "Books":
        """The same books, with another Push API."""
        return replace(self, push_api_url=push_api_url, request_timeout=request_timeout)

    @property
    def settings(self) -> Settings:
        return Settings(
            home=self.directory,
            push_api_url=self.push_api_url,
            database_url=self.database_url,
            broker_url=self.broker_url,
            redis_url=self.broker_url,
            tokens={DEFAULT_ACCOUNT: Secret(TOKEN)},
            request_timeout=timedelta(seconds=self.request_timeout),
        )

    @property
    def environment(self) -> dict[str, str]:
        """The same settings for a program."""
        return environment() | {
            "DISPATCHER_HOME": str(self.directory),
            "DISPATCHER_DATABASE_URL": self.database_url,
            "DISPATCHER_BROKER_URL": self.broker_url,
            "DISPATCHER_PUSH_API_URL": self.push_api_url,
            "DISPATCHER_USER_TOKEN": TOKEN,
            "DISPATCHER_REQUEST_TIMEOUT": str(self.request_timeout),
        }

    @property
    def dispatcher(self) -> Dispatcher:
        return Dispatcher(self.settings, self.engine)

    def execute(self, statement: str, values: Mapping[str, object] | None = None) -> None:
        """One statement, for as long as it takes."""
        with transaction(self.engine) as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text(statement), values or {})

    def count(self, query: str, values: Mapping[str, object] | None = None) -> int:
        """The one number that a query gives."""
        with transaction(self.engine) as connection:
            return int(connection.execute(text(query), values or {}).scalar_one())

    @property
    def bytes(self) -> int:
        """What the database takes on disk."""
        return self.count("SELECT pg_database_size(current_database())")

    @contextmanager
    def workers(self, processes: int = 2, slots: int = 32) -> Iterator[list[Program]]:
        """So many workers of ours, once they all count as alive."""
        with ExitStack() as stack:
            started = [
                stack.enter_context(
                    program(
                        ["celery", "-A", "workers", "worker", "-c", str(slots), "-n", f"w{n}@%h"],
                        environment=self.environment,
                        directory=self.directory,
                        name=f"worker-{n}-{uuid.uuid4().hex[:6]}",
                    )
                )
                for n in range(processes)
            ]
            with producer(self.settings) as app:
                wait_until(
                    lambda: len(app.control.ping(timeout=0.2)) == processes,
                    within=60,
                    what="the workers answer",
                )
            yield started


@dataclass(frozen=True)
class Stage:
    """PostgreSQL and Valkey with their default durability, in a directory that goes afterwards."""

    directory: Path
    urls: ServerUrls
    sink_program: str

    @contextmanager
    def books(self) -> Iterator[Books]:
        """A new database, which is dropped afterwards; the broker is emptied."""
        name = f"benchmark_{uuid.uuid4().hex[:12]}"
        self._on_server(f"CREATE DATABASE {name}")
        self.broker.flushall()
        url = make_url(self.urls.database_url).set(database=name)
        database_url = url.render_as_string(hide_password=False)
        directory = self.directory / name
        directory.mkdir()
        books = Books(directory, database_url, self.urls.broker_url, make_engine(database_url))
        try:
            migrate(books.engine)
            yield books
        finally:
            books.engine.dispose()
            self._on_server(f"DROP DATABASE {name} WITH (FORCE)")

    def settle(self) -> None:
        """Let nobody pay for what the one before has left to be written."""
        self._on_server("CHECKPOINT")

    @cached_property
    def broker(self) -> "redis.Redis":
        return redis.Redis.from_url(self.urls.broker_url)

    @cached_property
    def postgresql(self) -> psutil.Process:
        """The server's first process; all others are below it."""
        engine = create_engine(self.urls.database_url, poolclass=NullPool)
        with engine.connect() as connection:
            backend = psutil.Process(
                connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            )
            first = backend.parent()
        assert first is not None
        return first

    @cached_property
    def valkey(self) -> psutil.Process:
        return psutil.Process(int(self.broker.info("server")["process_id"]))

    def postgresql_version(self) -> str:
        return self._on_server("SHOW server_version").split()[0]

    def valkey_version(self) -> str:
        server = self.broker.info("server")
        return str(server.get("valkey_version") or server["redis_version"])

    def _on_server(self, statement: str) -> str:
        engine = create_engine(
            self.urls.database_url, poolclass=NullPool, isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            answer = connection.execute(text(statement))
            return str(answer.scalar_one()) if answer.returns_rows else ""


@contextmanager
def stage() -> Iterator[Stage]:
    """Everything started; it ends with the block, or with this process."""
    with temporary_home() as home, running(home) as urls:
        yield Stage(home, urls, sinks.sink_program())
