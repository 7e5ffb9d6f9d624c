"""The program as a person runs it: commands, what they print, and workers beside them."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from dispatcher import Campaign, Dispatcher, read_settings
from dispatcher.books.session import make_engine
from tests.waiting import eventually

APP = "sandbox-app"
MESSAGE = {"ios": {"payload": {"text": "Hello"}}}
COMMAND, CELERY = ("dispatcher", "worker"), ("celery", "-A", "workers", "worker", "-l", "INFO")


# What takes longer than two seconds says how far it is: on a busy machine anything may.
_PROGRESS = re.compile(r"^(reading|checking|packing) the audience: .*\n", re.MULTILINE)


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The one JSON document that is everything on standard output."""
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Program:
    """`dispatcher` in a directory, with an environment of its own."""

    environment: Mapping[str, str]
    directory: Path

    def having(self, **variables: str | None) -> "Program":
        """The same with other variables; None takes one out."""
        changed = {**self.environment, **variables}
        kept = {name: value for name, value in changed.items() if value is not None}
        return replace(self, environment=kept)

    def file(self, name: str, content: str | bytes) -> str:
        """Write a file into the directory; its name."""
        raw = content.encode() if isinstance(content, str) else content
        (self.directory / name).parent.mkdir(exist_ok=True)
        (self.directory / name).write_bytes(raw)
        return name

    def run(self, *arguments: str, given: bytes = b"") -> Ran:
        """Run a command to its end, with `given` on its standard input."""
        done = subprocess.run(
            ["dispatcher", *arguments],
            input=given,
            capture_output=True,
            env=self.environment,
            cwd=self.directory,
            timeout=60,
            check=False,
        )
        told = _PROGRESS.sub("", done.stderr.decode())
        return Ran(done.returncode, done.stdout.decode(), told)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A command that goes on; the caller ends it and closes its pipes (`with`)."""
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=self.directory,
            start_new_session=True,
        )

    def ask(self, *arguments: str) -> Any:
        """The document of a verb that is done."""
        ran = self.run(*arguments, "--json")
        assert ran.status == 0, ran
        return ran.document

    def send_command(self, audience: str, *options: str, message: object = MESSAGE) -> list[str]:
        """The arguments of a send to the audience in this file, or on standard input."""
        path = self.file("message.json", json.dumps(message))
        return ["send", path, "--app-id", APP, "--audience", audience, *options]

    def send(self, audience: str, *options: str, message: object = MESSAGE) -> dict[str, Any]:
        """Commit a campaign; its document."""
        document: dict[str, Any] = self.ask(*self.send_command(audience, *options, message=message))
        return document

    def show(self, campaign: dict[str, Any]) -> dict[str, Any]:
        """The campaign's document as it is now."""
        document: dict[str, Any] = self.ask("show", campaign["id"])
        return document

    def until(self, campaign: dict[str, Any], state: str, within: float = 20) -> dict[str, Any]:
        """The campaign's document once it has the state, and nothing is on the wire any more."""

        with self.books() as books:

            def reached() -> Campaign | None:
                now = books.show(campaign["id"])
                return now if now.state == state and now.chunks.sending == 0 else None

            found = eventually(reached, within=within)
        assert found is not None
        document: dict[str, Any] = json.loads(json.dumps(found.as_json()))
        return document

    @contextmanager
    def books(self) -> Iterator[Dispatcher]:
        """The verbs as application code has them: a command takes half a second to start."""
        settings = read_settings(self.environment)
        engine = make_engine(settings.require_database_url())
        try:
            yield Dispatcher(settings, engine)
        finally:
            engine.dispose()

    @contextmanager
    def database(self) -> Iterator[Connection]:
        """The database itself, for what no verb does; committed at the block's end."""
        engine = make_engine(read_settings(self.environment).require_database_url())
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    @contextmanager
    def worker(
        self, name: str = "first", *, slots: int = 8, command: tuple[str, ...] = CELERY
    ) -> Iterator["Worker"]:
        """A worker that is ready; it ends with the block."""
        log = self.directory / f"worker-{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "-c", str(slots), "-n", f"{name}@%h"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment,
                cwd=self.directory,
                start_new_session=True,
            )
        worker = Worker(process, log)
        try:
            eventually(lambda: "ready." in worker.said() or process.poll(), within=30)
            assert process.poll() is None, worker.said()
            yield worker
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            finally:
                process.kill()


@dataclass(frozen=True)
class Worker:
    """A worker process."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """Everything it has logged."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()
        self.process.wait(timeout=10)
