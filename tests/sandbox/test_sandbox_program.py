"""The program: how it starts, how it ends, and what it says when it cannot."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import psutil
import pytest
import requests

import sandbox
from sandbox.faults import Kind
from tests.sandbox.process import COMMAND, Sandbox, push


def finished(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=10)


@pytest.mark.parametrize(
    "options",
    [
        ["--port", "99999"],
        ["--port", "http"],
        ["--window", "-1"],
        ["--window", "nan"],
        ["--latency", "-0.1"],
        ["--unreachable", "1.5"],
        ["--unreachable", "0.7", "--not-found", "0.7"],
        ["--fault", "flood=0.1"],
        ["--fault", "drop_after"],
        ["--fault", "drop_after=often"],
        ["--fault", "drop_after=1.1"],
        ["--condition", "14"],
        ["--retry-after", "-1"],
        ["--poison", "anna"],
        ["--poison", "name=anna"],
        ["--poison", "devtodevId=anna"],
        ["--nonsense"],
    ],
    ids=" ".join,
)
def test_a_wrong_option_is_told_in_one_sentence(options: list[str]) -> None:
    found = finished(*options)

    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("sandbox: ")
    assert found.stderr.count("\n") == 1


def test_a_port_in_use_is_told_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = finished("--port", str(taken.getsockname()[1]))

    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr.startswith("sandbox: cannot listen on 127.0.0.1:")
    assert found.stderr.count("\n") == 1


def test_the_help_has_an_example_and_all_faults() -> None:
    found = finished("--help")

    assert found.returncode == 0
    assert "example" in found.stdout
    for kind in Kind:
        assert f"\n  {kind.value} " in found.stdout
        assert kind.value in (sandbox.__doc__ or "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly_when_asked_even_with_a_request_hanging(number: signal.Signals) -> None:
    with subprocess.Popen(
        [*COMMAND, "--fault", "hang_after=1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with pytest.raises(requests.ReadTimeout):
            requests.post(url, json=push(), timeout=(10, 0.2))
        process.send_signal(number)
        output, errors = process.communicate(timeout=10)

    assert (process.returncode, output, errors) == (0, "", "")


def test_it_ends_when_the_process_that_started_it_is_killed() -> None:
    parent = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'sandbox', '--until-stdin-closes'],"
        " stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        orphan = psutil.Process(int(process.stdout.readline()))
        os.kill(process.pid, signal.SIGKILL)

    gone, alive = psutil.wait_procs([orphan], timeout=10)
    for survivor in alive:
        survivor.kill()
    assert (gone, alive) == ([orphan], [])


def test_several_tokens_and_applications_can_be_right(
    start_sandbox: Callable[..., Sandbox],
) -> None:
    sandbox = start_sandbox("--token", "a", "--token", "b", "--app-id", "x", "--app-id", "y")

    assert sandbox.code(push(user_token="a", app_id="y")) == 200
    assert sandbox.code(push(user_token="b", app_id="x")) == 200
    assert sandbox.code(push(app_id="x")) == 11
    assert sandbox.code(push(user_token="a")) == 6


def test_the_start_sets_the_behaviour(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox(
        *("--latency", "0.01", "--retry-after", "3", "--fault", "drip=0.25"),
        *("--condition", "24", "--not-found", "0.1", "--unreachable", "0.2"),
        *("--poison", "userId=anna", "--poison", "devtodevId=7", "--poison-unquoted"),
    )

    assert sandbox.ask("GET", "faults") == {
        "latency": 0.01,
        "retry_after": 3,
        "probabilities": {"drip": 0.25},
        "conditions": [24],
        "not_found": 0.1,
        "unreachable": 0.2,
        "poisoned": [{"devtodevId": 7}, {"userId": "anna"}],
        "quote_poisoned": False,
        "next": [],
    }


@pytest.mark.parametrize("path", ["/", "/sandbox"])
def test_it_says_what_it_is(sandbox: Sandbox, path: str) -> None:
    found = requests.get("http://{}:{}".format(*sandbox.address) + path, timeout=10)

    assert (found.status_code, found.text.count("\n")) == (200, 1)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/push/send"), ("POST", "/api/v1/push"), ("PUT", "/sandbox/ledger")],
)
def test_there_is_nothing_else(sandbox: Sandbox, method: str, path: str) -> None:
    url = "http://{}:{}".format(*sandbox.address) + path

    assert requests.request(method, url, timeout=10).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "requests?since=yesterday", None),
        ("GET", "ledger/devices?devtodevId=seven", None),
        ("POST", "ledger/devices", {"token": "anna"}),
        ("POST", "ledger/devices", ["anna"]),
        ("PUT", "faults", []),
    ],
)
def test_a_control_request_that_makes_no_sense_is_told_so(
    sandbox: Sandbox, method: str, path: str, body: object
) -> None:
    assert list(sandbox.ask(method, path, body)) == ["error"]
