"""The examples of docs/application.md, as they are printed there, run as a person runs them."""

import json
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dispatcher import Dispatcher, read_settings
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parent.parent.parent
CLIENT = """
from fastapi.testclient import TestClient
from examples.fastapi_app import app
client = TestClient(app)
for players in (["anna"], ["anna"], ["bert"], []):
    answer = client.post("/campaigns/winback", json=players)
    print(answer.status_code, answer.json().get("id"))
"""


def run(environment: dict[str, str], *arguments: str) -> str:
    """What a Python program prints that ends well."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def books(environment: dict[str, str]) -> Dispatcher:
    """The verbs on what the examples make."""
    return Dispatcher(read_settings(environment))


def test_the_outbox_commits_rows_and_campaign_together(
    environment: dict[str, str], books: Dispatcher
) -> None:
    campaign = run(environment, "examples/outbox.py").strip()
    assert books.show(campaign).members.total == 50


def test_the_script_for_cron_makes_one_campaign_a_day(
    environment: dict[str, str], books: Dispatcher
) -> None:
    assert len({run(environment, "examples/cron.py") for _ in range(2)}) <= 2
    assert 1 <= len(list(books.list())) <= 2  # midnight may pass between the two


def test_fastapi_answers_with_the_campaign(environment: dict[str, str], books: Dispatcher) -> None:
    first, again, other, empty = run(environment, "-c", CLIENT).splitlines()
    (campaign,) = books.list()
    assert first == again == f"200 {campaign.id}"
    assert (other, empty) == ("422 None", "422 None")


def test_django_under_a_gunicorn_that_preloads(
    environment: dict[str, str], books: Dispatcher, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path / "gunicorn.log"
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--threads", "4"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{port}", "examples.django_app:application"],
            env=environment,
            cwd=ROOT,
            stdout=output,
            stderr=output,
        ) as server,
    ):
        try:
            eventually(lambda: b"Booting worker" in log.read_bytes(), within=60)

            def ask(number: int) -> str:
                url = f"http://127.0.0.1:{port}/campaigns/key-{number}?player={number}"
                with urllib.request.urlopen(url, timeout=60) as answer:
                    return str(json.load(answer)["id"])

            with ThreadPoolExecutor(8) as clients:
                told = sorted(clients.map(ask, range(24)))
        finally:
            server.terminate()
    assert told == sorted(campaign.id for campaign in books.list())
    assert all(campaign.chunks.total == 1 for campaign in books.list())
