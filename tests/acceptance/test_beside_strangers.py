"""Our programs in a working directory that has files of a stranger, named as our modules are."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import Program
from tests.sandbox_process import PushApi

STRANGERS = ("workers", "sandbox", "dispatcher", "celery", "click", "redis", "requests", "kombu")


@pytest.fixture
def crowded(new_program: NewProgram, push_api: PushApi) -> Program:
    """The program in a directory where a stranger has a module of each of these names."""
    program = new_program(DISPATCHER_PUSH_API_URL=push_api.url)
    for number, name in enumerate(STRANGERS):
        if number % 2:
            program.file(f"{name}.py", "raise SystemExit('a stranger: ' + __file__)")
        else:
            (program.directory / name).mkdir()
            program.file(f"{name}/__init__.py", "raise SystemExit('a stranger: ' + __file__)")
            program.file(f"{name}/__main__.py", "raise SystemExit('a stranger: ' + __file__)")
    return program


def test_a_worker_sends_from_there(crowded: Program) -> None:
    with crowded.worker(command=("dispatcher", "worker")):
        campaign = crowded.send(crowded.file("audience.csv", "userId\nanna\n"))
        assert crowded.until(campaign, "completed")["members"]["delivered"] == 1


def test_the_sandbox_starts_there(crowded: Program) -> None:
    assert "--latency" in said(crowded, "dispatcher", "sandbox", "--help")


def test_celerys_options_are_the_workers_there(crowded: Program) -> None:
    assert "--concurrency" in said(
        crowded, sys.executable, "-P", "-m", "workers", "worker", "--help"
    )


def said(program: Program, *command: str) -> str:
    """What a command prints that ends well."""
    environment: Mapping[str, str] = {"PATH": os.environ["PATH"], **program.environment}
    ran = subprocess.run(
        command,
        env=environment,
        cwd=program.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
