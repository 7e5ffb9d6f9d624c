"""`dispatcher services`, as a person runs it."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dispatcher.cli import app
from dispatcher.embedded import ServerUrls, start, status
from dispatcher.services_file import SERVICES_FILE
from tests.embedded.observing import answers, passwords, process_named, processes_of
from tests.waiting import eventually

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def services(home: Path) -> Run:
    """Runs the program; its output is read to its end, so a server that held it would show."""
    program = str(Path(sys.executable).with_name("dispatcher"))
    environment = {"PATH": str(Path(sys.executable).parent), "DISPATCHER_HOME": str(home)}

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [program, "services", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )

    return run


def document(finished: "subprocess.CompletedProcess[str]") -> Any:
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_start_prints_what_a_shell_can_take_over_and_returns(services: Run) -> None:
    first, second = services("start"), services("start")
    words = shlex.split(first.stdout)

    assert first.returncode == 0
    assert second.stdout == first.stdout
    assert words[0::2] == ["export", "export"]
    variables = dict(word.split("=", 1) for word in words[1::2])
    assert list(variables) == ["DISPATCHER_DATABASE_URL", "DISPATCHER_BROKER_URL"]
    assert variables["DISPATCHER_DATABASE_URL"].startswith("postgresql://")
    assert answers(ServerUrls(*variables.values()))


def test_with_json_each_verb_prints_one_document(home: Path, services: Run) -> None:
    urls = ServerUrls(**document(services("start", "--json")))
    told = services("status", "--json")

    running = start(home)
    assert (urls.database_url, urls.broker_url) == (running.libpq_url, running.broker_url)
    assert document(told)["postgresql"]["running"] is True
    assert document(told)["valkey"]["url"].startswith("unix:///")
    assert Path(document(told)["valkey"]["socket"]).is_socket()
    assert not any(secret in told.stdout for secret in passwords(urls))
    assert document(services("stop", "--json")) == {"stopped": True}


def test_stop_is_done_when_nothing_runs(home: Path, services: Run) -> None:
    start(home)
    stopped, idle = services("stop"), services("stop")

    assert (stopped.returncode, idle.returncode) == (0, 0)
    assert (stopped.stdout, idle.stdout) == ("", "")
    assert "stopped" in stopped.stderr
    assert "Nothing was running" in idle.stderr
    assert not (home / SERVICES_FILE).exists()
    assert processes_of(home) == []


def test_status_tells_of_a_server_that_died(home: Path, services: Run) -> None:
    start(home)
    process_named(home, "valkey-server").kill()
    eventually(lambda: status(home).valkey.died)
    told = services("status").stdout

    assert "Valkey has died" in told
    assert "PostgreSQL runs at" in told


def test_what_cannot_be_started_is_told_in_one_sentence(home: Path, services: Run) -> None:
    (home / "embedded" / "postgresql" / "data" / "PG_VERSION").write_text("9\n")
    finished = services("start")

    assert finished.returncode == 1
    assert finished.stdout == ""
    assert "made by PostgreSQL 9" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("verb", ["start", "stop", "status"])
def test_help_shows_an_example(verb: str) -> None:
    shown = CliRunner().invoke(app, ["services", verb, "--help"])
    assert f"dispatcher services {verb}" in shown.stdout
