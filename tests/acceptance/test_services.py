"""The first five minutes: servers that come with the program, a worker, a campaign, Flower."""

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from dispatcher import embedded
from tests.acceptance.program import Program
from tests.on_ports import free_port
from tests.sandbox_process import running_push_api
from tests.waiting import eventually

_RATE = 20


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Program]:
    """A program that nobody has told where anything is."""
    with embedded.temporary_home() as home:
        scripts = str(Path(sys.executable).parent)
        environment = {
            "PATH": os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)]),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "DISPATCHER_HOME": str(home),
            "DISPATCHER_USER_TOKEN": "sandbox-token",
        }
        yield Program(environment, tmp_path)
        embedded.stop(home)


def exported(program: Program) -> dict[str, str]:
    """What a shell takes over of `services start`."""
    words = shlex.split(program.run("services", "start").stdout)
    return dict(word.split("=", 1) for word in words if word != "export")


def test_a_campaign_goes_out_through_their_sockets(newcomer: Program) -> None:
    with running_push_api() as push_api:
        program = newcomer.having(
            **exported(newcomer),
            DISPATCHER_PUSH_API_URL=push_api.url,
            DISPATCHER_RATE=str(_RATE),
        )
        assert program.run("migrate").status == 0
        members = "".join(f"user-{number}\n" for number in range(2_500))
        program.file("members.csv", f"userId\n{members}")
        with program.worker():
            campaign = program.send("members.csv", "--rate", "10")
            program.until(campaign, "completed")
            checks = {check["name"]: check for check in program.ask("doctor")}
            check_flower(program)
        assert push_api.ledger()["devices"] == 2_500
    failed = {name: it["words"] for name, it in checks.items() if it["result"] != "ok"}
    assert failed == {}


def check_flower(program: Program) -> None:
    """It reads events, workers and the queue, and listens on this machine alone."""
    port = free_port()
    told = program.having(FLOWER_UNAUTHENTICATED_API="true")
    with told.start("celery", "-A", "workers", "flower", f"--port={port}") as flower:
        address = f"http://127.0.0.1:{port}"
        try:
            eventually(lambda: answers(f"{address}/api/workers") == 200, within=60)
            workers = requests.get(f"{address}/api/workers?refresh=1", timeout=10).json()
            queues = requests.get(f"{address}/broker", timeout=10).text
            listening = {
                connection.laddr.ip
                for connection in psutil.Process(flower.pid).net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            }
        finally:
            os.killpg(flower.pid, signal.SIGKILL)
            flower.communicate()
    assert len(workers) == 1
    assert '<tr id="dispatcher">' in queues
    assert listening == {"127.0.0.1"}


def answers(url: str) -> int | None:
    """The status of an answer, if there is one."""
    try:
        return requests.get(url, timeout=5).status_code
    except requests.ConnectionError:
        return None
