"""A worker is told to end at once, or twice; and is asked for what does not apply to it."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine

from tests.sandbox_process import PushApi
from tests.waiting import eventually
from tests.workers.books import make_campaign, rows, show
from tests.workers.messages import messages
from tests.workers.worker_process import Program, celery, running_worker

Environment = dict[str, str]


@pytest.fixture
def vendor(sandbox: Callable[..., PushApi], environment: Environment) -> PushApi:
    """A Push API whose replies take longer than anybody waits for them here."""
    vendor = sandbox("--latency", "25")
    environment["DISPATCHER_PUSH_API_URL"] = vendor.url
    return vendor


def _quit(worker: Program) -> None:
    worker.process.send_signal(signal.SIGQUIT)


def _terminate(worker: Program) -> None:
    worker.process.terminate()


def _interrupt_twice(worker: Program) -> None:
    worker.process.send_signal(signal.SIGINT)
    worker.says("Ctrl-C again ends at once")
    worker.process.send_signal(signal.SIGINT)


@pytest.mark.parametrize(
    ("order", "variables"),
    [(_quit, {}), (_terminate, {"REMAP_SIGTERM": "SIGQUIT"}), (_interrupt_twice, {})],
)
def test_a_worker_that_is_to_end_at_once_gives_back_what_has_not_begun(
    environment: Environment,
    engine: Engine,
    vendor: PushApi,
    broker_url: str,
    tmp_path: Path,
    order: Callable[[Program], None],
    variables: Environment,
) -> None:
    with running_worker(environment | variables, tmp_path) as worker:
        make_campaign(engine, chunks=100, published=False)
        eventually(lambda: len(vendor.requests()) >= 8, within=60)
        order(worker)
        assert worker.ends() == 0
        assert "Traceback" not in worker.log
    sending = rows(engine, "SELECT FROM chunk WHERE state = 'sending'")
    assert len(sending) == 8
    published = rows(
        engine, "SELECT sequence FROM chunk WHERE state = 'pending' AND published_at IS NOT NULL"
    )
    with Redis.from_url(broker_url) as redis:
        queued = {chunk for _, (_, chunks) in messages(redis) for chunk in chunks}
    # One message may have been on its way to the worker: it is published again in half a minute.
    assert len({chunk.sequence for chunk in published} - queued) <= 1
    assert not rows(engine, "SELECT FROM worker")


def test_a_worker_that_is_interrupted_once_finishes_what_is_on_the_wire(
    environment: Environment, engine: Engine, vendor: PushApi, tmp_path: Path
) -> None:
    vendor.set_faults(latency=1)
    with running_worker(environment, tmp_path) as worker:
        make_campaign(engine, chunks=100, published=False)
        eventually(lambda: len(vendor.requests()) >= 8, within=60)
        worker.process.send_signal(signal.SIGINT)
        assert worker.ends() == 0
        assert "Traceback" not in worker.log
    assert not rows(engine, "SELECT FROM chunk WHERE state = 'sending'")


@pytest.fixture
def worker(
    environment: Environment, engine: Engine, vendor: PushApi, tmp_path: Path
) -> Iterator[Program]:
    """A worker with eight slots."""
    vendor.set_faults(latency=0)
    with running_worker(environment, tmp_path) as worker:
        yield worker


COMMANDS = (
    ("pool_grow", "4"),
    ("pool_shrink", "4"),
    ("autoscale", "10", "2"),
    ("pool_restart",),
    ("rate_limit", "workers.tasks.deliver", "1/m"),
    ("time_limit", "workers.tasks.deliver", "1", "1"),
    ("terminate", "KILL", "a-task"),
)


def test_commands_that_do_not_apply_say_so_and_change_nothing(
    worker: Program, environment: Environment, engine: Engine
) -> None:
    for command in COMMANDS:
        answer = celery(environment, "control", *command, "--json").stdout
        (reply,) = json.loads(answer)[0].values()
        assert reply["error"].startswith(f"{command[0]} does not apply: ")
    campaign = make_campaign(engine, chunks=20, published=False)
    eventually(lambda: show(engine, campaign).state == "completed", within=60)
    assert "Traceback" not in worker.log


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--pool", "processes"], "A worker cannot run the pool processes"),
        (["--autoscale=10,2"], "--autoscale does not apply"),
        (["-P", "nonsense"], "'nonsense' is not one of"),
    ],
)
def test_a_pool_that_cannot_be_is_refused_in_a_sentence(
    environment: Environment, options: list[str], words: str
) -> None:
    refused = celery(environment, "worker", *options)
    assert refused.returncode == 2
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("pool", ["gevent", "eventlet"])
@pytest.mark.parametrize(
    "program", [["dispatcher", "worker"], ["python", "-m", "workers", "worker"]]
)
def test_a_pool_is_refused_whether_or_not_its_library_is_installed(
    environment: Environment, program: list[str], pool: str
) -> None:
    refused = subprocess.run(
        [*program, "-P", pool],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 2
    assert f"A worker cannot run the pool {pool}: " in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("pool", ["prefork", "solo", "threads"])
def test_a_worker_has_threads_and_says_what_another_pool_becomes(
    environment: Environment, engine: Engine, vendor: PushApi, tmp_path: Path, pool: str
) -> None:
    vendor.set_faults(latency=0)
    with running_worker(environment, tmp_path, f"--pool={pool}") as worker:
        campaign = make_campaign(engine, chunks=20, published=False)
        eventually(lambda: show(engine, campaign).state == "completed", within=60)
        becomes = f"--pool {pool} becomes --pool threads" in worker.log
        assert becomes == (pool != "threads")
