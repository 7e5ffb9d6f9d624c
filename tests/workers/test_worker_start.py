"""How a worker starts, and how it says that it cannot."""

import json
import signal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from dispatcher.errors import DatabaseUnavailable
from tests.proxy import proxied
from tests.workers.books import rows
from tests.workers.worker_process import celery, running_worker
from workers.fencing import Fencing
from workers.wiring import begin_with_database

Environment = dict[str, str]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DISPATCHER_USER_TOKEN", ""),
        ("DISPATCHER_BROKER_URL", ""),
        ("DISPATCHER_RATE", "fast"),
        ("HTTPS_PROXY", "socks5://127.0.0.1:1"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_ends_it_with_one_sentence(
    environment: Environment, variable: str, value: str
) -> None:
    ended = celery(environment | {variable: value}, "worker")
    assert ended.returncode == 2
    assert ended.stdout == ""
    (sentence,) = ended.stderr.strip().splitlines()
    assert variable in sentence
    assert environment["DISPATCHER_USER_TOKEN"] not in sentence


def test_a_database_that_was_not_migrated_ends_it_with_one_sentence(
    environment: Environment, empty_database_url: str
) -> None:
    ended = celery(environment | {"DISPATCHER_DATABASE_URL": empty_database_url}, "worker")
    assert ended.returncode == 1
    (sentence,) = ended.stderr.strip().splitlines()
    assert "dispatcher migrate" in sentence


def test_it_runs_threads_and_joins_the_fleet(
    environment: Environment, engine: Engine, tmp_path: Path
) -> None:
    with running_worker(environment, tmp_path) as worker:
        assert "8 (thread)" in worker.stdout.read_text()
        assert [row.slots for row in rows(engine, "SELECT slots FROM worker")] == [8]
        assert "Warning" not in worker.log
        worker.process.terminate()
        assert worker.ends() == 0
    assert not rows(engine, "SELECT FROM worker")


def test_it_waits_for_a_database_that_is_away_and_says_so(
    environment: Environment, database_url: str, tmp_path: Path
) -> None:
    with proxied(database_url) as road:
        road.turn_away()
        environment |= {"DISPATCHER_DATABASE_URL": road.url}
        with running_worker(environment, tmp_path, ready=None) as worker:
            worker.says("Waiting for it.")
            road.let_in()
            worker.says("the database answers")
            worker.says("ready.")
        assert "Traceback" not in worker.log


@pytest.mark.parametrize("step", ["check_schema", "check_right_to_send", "Fencing.check"])
def test_it_waits_for_a_database_that_goes_away_at_any_step(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    step: str,
) -> None:
    def away(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise DatabaseUnavailable("PostgreSQL cannot be used.")

    monkeypatch.setattr(f"workers.wiring.{step}", away)
    begin_with_database(engine, Fencing(engine, [], outgrown=lambda: None))
    assert [record.message for record in caplog.records] == [
        "PostgreSQL cannot be used. Waiting for it.",
        "the database answers",
    ]


def test_it_waits_for_a_broker_that_is_away_and_says_so(
    environment: Environment, broker_url: str, tmp_path: Path
) -> None:
    with proxied(broker_url) as road:
        road.turn_away()
        with running_worker(
            environment | {"DISPATCHER_BROKER_URL": road.url}, tmp_path, ready=None
        ) as worker:
            worker.says("Trying again")
            road.let_in()
            worker.says("ready.")
            worker.process.send_signal(signal.SIGTERM)
            assert worker.ends() == 0
        assert "Traceback" not in worker.log


def test_its_log_is_json_line_by_line_where_that_is_asked_for(
    environment: Environment, tmp_path: Path
) -> None:
    environment |= {"DISPATCHER_LOG": "json", "DISPATCHER_BROKER_URL": "redis://127.0.0.1:1/0"}
    with running_worker(environment, tmp_path, ready=None) as worker:
        worker.says("Trying again")
        worker.process.terminate()
        worker.ends()
    lines = [json.loads(line) for line in worker.log.splitlines()]
    assert {"time", "level", "logger", "message"} <= lines[0].keys()


def test_a_push_api_in_clear_on_another_host_is_warned_of(
    environment: Environment, tmp_path: Path
) -> None:
    exposed = environment | {"DISPATCHER_PUSH_API_URL": "http://192.0.2.1/api/v1/push/send"}
    with running_worker(exposed, tmp_path) as worker:
        (line,) = [line for line in worker.log.splitlines() if "plain http://" in line]
        assert "WARNING" in line
