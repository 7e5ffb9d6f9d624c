"""Metrics of a running fleet, as Prometheus scrapes them, and what it is told otherwise."""

import re
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.error import URLError

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.audiences import csv_of, tokens
from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import Program, Worker
from tests.sandbox_process import running_push_api
from tests.waiting import eventually

_PLACE = re.compile(r"http://127\.0\.0\.1:\d+/metrics")


@contextmanager
def exporter(program: Program, *options: str) -> Iterator[str]:
    """`dispatcher metrics` on a free port; its URL."""
    process = program.start("dispatcher", "metrics", "--port", "0", *options)
    with process:
        assert process.stderr is not None
        said = process.stderr.readline()
        try:
            yield _PLACE.findall(said)[0]
        finally:
            process.terminate()


def place_of(worker: Worker) -> str:
    """Where a worker serves its metrics, as it says."""
    (place,) = _PLACE.findall(worker.said())
    return str(place)


def scrape(place: str) -> dict[str, float]:
    """Every series there, as `dispatcher_members_total default delivered`."""
    with urllib.request.urlopen(place, timeout=10) as answer:
        text = answer.read().decode()
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_fleet_is_scraped_and_again_after_one_of_its_workers_was_killed(
    new_program: NewProgram,
) -> None:
    with running_push_api("--fault", "code_33=0.2") as push_api:
        program = new_program(DISPATCHER_PUSH_API_URL=push_api.url, DISPATCHER_METRICS_PORT="0")
        audience = csv_of(program, "members.csv", tokens("scraped", 40_000))
        with exporter(program) as books, program.worker("one") as one, program.worker("two") as two:
            campaign = program.send(audience)
            document = program.until(campaign, "completed")
            workers = [scrape(place_of(worker)) for worker in (one, two)]
            fleet = eventually(lambda: _with_workers(2, scrape(books)), within=20)
            one.kill()
            smaller = eventually(lambda: _with_workers(1, scrape(books)), within=30)
            with pytest.raises(URLError):
                scrape(place_of(one))
            other = scrape(place_of(two))

    def summed(name: str) -> float:
        return sum(values[name] for values in workers)

    members = document["members"]
    assert summed("dispatcher_members_total default delivered") == members["delivered"]
    assert summed("dispatcher_members_total default rejected") == members["rejected"] > 0
    assert summed("dispatcher_requests_total default nobody_reached") * 1_000 == members["rejected"]
    assert summed("dispatcher_request_seconds_count") == 40
    assert summed("dispatcher_requests_total default in_doubt") == 0
    assert (fleet["dispatcher_workers"], fleet["dispatcher_slots"]) == (2, 16)
    assert fleet["dispatcher_campaigns completed"] == 1
    assert (smaller["dispatcher_slots"], smaller["dispatcher_campaigns completed"]) == (8, 1)
    assert other == workers[1] | {name: other[name] for name in other if "process" in name}
    every = {name for values in (*workers, fleet) for name in values}
    assert not [name for name in every if campaign["id"][:8] in name]


def _with_workers(count: int, values: dict[str, float]) -> dict[str, float]:
    """The figures where so many workers are alive and one leads; nothing else."""
    is_whole = (values["dispatcher_workers"], values["dispatcher_leader"]) == (count, 1)
    return values if is_whole else {}


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody has."""
    with socket.create_server(("127.0.0.1", 0)) as there:
        yield there.getsockname()[1]


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (lambda port: ("dispatcher", "metrics", "--port", str(port)), "--port, --host"),
        (lambda _: ("dispatcher", "worker"), "DISPATCHER_METRICS_PORT"),
    ],
)
def test_a_port_in_use_ends_it_with_a_sentence(
    new_program: NewProgram, taken: int, command: Callable[[int], tuple[str, ...]], named: str
) -> None:
    program = new_program(DISPATCHER_METRICS_PORT=str(taken))
    ended = subprocess.run(
        command(taken),
        capture_output=True,
        text=True,
        env=program.environment,
        cwd=program.directory,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].removeprefix("dispatcher: ") == (
        f"{named}: nobody can listen at 127.0.0.1:{taken}: Address already in use. Give another "
        "port, each program on a machine its own, and an address of this machine."
    )


@pytest.mark.parametrize("host", ["192.0.2.1", "a..b"])
def test_a_host_that_is_not_this_machine_s_ends_it_with_a_sentence(
    program: Program, host: str
) -> None:
    ran = program.run("metrics", "--port", "0", "--host", host)
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"dispatcher: --port, --host: nobody can listen at {host}:0: ")
    assert "Traceback" not in ran.stderr
