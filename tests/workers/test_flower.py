"""Flower, where it is not installed."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.on_ports import free_port
from tests.waiting import eventually
from tests.workers.worker_process import celery

_HIDDEN = """
import importlib.metadata, sys
sys.modules["flower"] = None
found = importlib.metadata.entry_points
importlib.metadata.entry_points = lambda **of: [e for e in found(**of) if e.dist.name != "flower"]
"""


@pytest.fixture
def without_flower(tmp_path: Path, environment: dict[str, str]) -> dict[str, str]:
    """The environment of a program that finds no Flower."""
    (tmp_path / "sitecustomize.py").write_text(_HIDDEN)
    return environment | {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize("options", [(), ("--port=5556", "--address=127.0.0.1"), ("-x", "y")])
def test_it_is_told_how_to_install_it(
    without_flower: dict[str, str], options: tuple[str, ...]
) -> None:
    ended = celery(without_flower, "flower", *options)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == (
        "Flower needs an extra: pip install 'push-campaign-dispatcher[monitoring]'.\n"
    )


def test_celery_lists_it_with_that_sentence(without_flower: dict[str, str]) -> None:
    assert "push-campaign-dispatcher[monitoring]" in celery(without_flower, "flower", "-h").stderr
    assert "flower" in celery(without_flower, "--help").stdout


@pytest.mark.parametrize(
    "command", [("celery", "-A", "workers"), (sys.executable, "-m", "workers")]
)
def test_it_listens_on_this_machine_alone(
    environment: dict[str, str], tmp_path: Path, command: tuple[str, ...]
) -> None:
    port = free_port()
    flower = subprocess.Popen(
        [*command, "flower", f"--port={port}"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        addresses = eventually(lambda: listening(flower.pid), within=60)
    finally:
        flower.kill()
        flower.wait()
    assert addresses == {("127.0.0.1", port)}


def listening(process: int) -> set[tuple[str, int]]:
    return {
        (connection.laddr.ip, connection.laddr.port)
        for connection in psutil.Process(process).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def test_it_listens_elsewhere_where_it_is_told_to(environment: dict[str, str]) -> None:
    ended = celery(environment, "flower", "--port=1", "--address=192.0.2.1")
    assert ended.returncode != 0
    assert "assign requested address" in ended.stderr
