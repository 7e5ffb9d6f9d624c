"""Everything of a demonstration on this machine: servers, Push API, worker, and an audience."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from dispatcher.books import fleet, schema
from dispatcher.books.session import make_engine, transaction
from dispatcher.embedded.attached import running
from dispatcher.embedded.directories import temporary_home
from dispatcher.embedded.programs import attached, not_started
from dispatcher.extras import require_sandbox
from dispatcher.settings import DEFAULT_ACCOUNT, Secret, Settings

APP_ID = "sandbox-app"
MESSAGE = {"ios": {"payload": {"title": "We miss you", "text": "Your hero is waiting."}}}
_TOKEN = "sandbox-token"
_SLOTS = 12
_TIMEOUT = 5
_PATIENCE = 30.0
_UNREACHABLE = 0.03
_LATENCY = 0.15
FAULTS = {
    "drop_before": 0.02,
    "drop_after": 0.02,
    "error_500_before": 0.02,
    "error_500_after": 0.02,
    "error_429": 0.02,
}
"""How many of the requests meet which fault of the sandbox."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The running demonstration: settings for a dispatcher, and the Push API's own ledger."""

    settings: Settings
    directory: Path
    push_api_url: str

    @property
    def environment(self) -> dict[str, str]:
        """The same settings for a program; nothing of the person's own variables reaches it."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("DISPATCHER_")}
        return inherited | {
            "DISPATCHER_HOME": str(self.settings.home),
            "DISPATCHER_DATABASE_URL": self.settings.require_database_url(),
            "DISPATCHER_BROKER_URL": self.settings.require_broker_url(),
            "DISPATCHER_PUSH_API_URL": self.settings.push_api_url,
            "DISPATCHER_USER_TOKEN": _TOKEN,
            "DISPATCHER_REQUEST_TIMEOUT": str(_TIMEOUT),
        }

    def ledger(self) -> dict[str, Any]:
        """What the sandbox knows of every push that it made."""
        url = self.push_api_url.partition("/api/")[0] + "/sandbox/ledger"
        with urllib.request.urlopen(url, timeout=10) as answer:
            ledger: dict[str, Any] = json.load(answer)
        return ledger


@contextmanager
def stage(*, faults: bool) -> Iterator[Stage]:
    """Everything started, in a directory that is gone afterwards; it ends with this process.

    Raises EmbeddedServerError where a part of it does not start.
    """
    require_sandbox()
    with temporary_home() as home, running(home) as urls, _push_api(home, faults) as url:
        settings = Settings(
            home=home,
            push_api_url=url,
            database_url=urls.database_url,
            broker_url=urls.broker_url,
            redis_url=urls.broker_url,
            tokens={DEFAULT_ACCOUNT: Secret(_TOKEN)},
            request_timeout=timedelta(seconds=_TIMEOUT),
        )
        engine = make_engine(urls.database_url)
        schema.migrate(engine)
        worker = ["workers", "worker", "-c", str(_SLOTS), "-l", "INFO"]
        log = home / "worker.log"
        stage = Stage(settings, home, url)
        with attached(worker, environment=stage.environment, directory=home, log=log):
            _wait_for_worker(engine, log)
            engine.dispose()
            yield stage


def write_audience(path: Path, members: int) -> None:
    """A CSV of so many members, with a few rows that repeat one and a few that are none."""
    with path.open("w", encoding="utf-8") as file:
        file.write("token,userId\n")
        for number in range(1, members + 1):
            file.write(f"device-{number:010},user-{number}\n")
            if number % 5_000 == 0:
                file.write(f"device-{number:010},user-{number}\n")
            if number % 20_000 == 0:
                file.write("one,two,three\n")


@contextmanager
def _push_api(home: Path, faults: bool) -> Iterator[str]:
    """The sandbox; its URL. It ends when the pipe to it closes."""
    options = ["--unreachable", str(_UNREACHABLE), "--latency", str(_LATENCY)]
    if faults:
        options += ["--retry-after", "1", "--fault-seed", "1"]
        options += [word for name, part in FAULTS.items() for word in ("--fault", f"{name}={part}")]
    with (home / "sandbox.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "sandbox", "--until-stdin-closes", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    with process:
        assert process.stdout is not None
        _, _, url = process.stdout.readline().strip().partition(": ")
        if not url:
            raise not_started("The sandbox Push API", home / "sandbox.log")
        yield url


def _wait_for_worker(engine: Engine, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with transaction(engine) as connection:
            if fleet.live_slots(connection) > 0:
                return
        time.sleep(0.05)
    raise not_started("The worker", log)
