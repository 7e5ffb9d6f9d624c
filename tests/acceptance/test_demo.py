"""The demonstration: a whole campaign, its proof, and nothing of it left, however it ends."""

import os
import pty
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import psutil
import pytest
import requests

from tests.acceptance.program import Program, Ran
from tests.waiting import eventually


@pytest.fixture
def visitor(program: Program) -> Program:
    """Somebody who has just installed it and has set nothing."""
    bare = {k: v for k, v in program.environment.items() if not k.startswith("DISPATCHER_")}
    return Program(bare, program.directory)


def test_a_demonstration_with_faults_proves_itself(visitor: Program) -> None:
    ran = visitor.run("demo", "--members", "3000")

    assert ran.status == 0, ran
    assert "✓ pushes received twice: 0" in ran.stdout
    assert "The proof, from the Push API's own ledger" in ran.stdout


def test_a_demonstration_without_faults_prints_its_document(visitor: Program) -> None:
    ran: Ran = visitor.run("demo", "--members", "3000", "--no-faults", "--json")

    assert ran.status == 0, ran
    assert ran.document["proven"] is True
    assert ran.document["campaign"]["members"]["delivered"] == 3_000
    assert ran.document["ledger"]["devices"] + ran.document["ledger"]["unreachable"] == 3_000
    assert ran.document["ledger"]["faults"] == {}


def test_a_demonstration_of_the_console_tells_where_it_is_and_who_may_sign_in(
    visitor: Program,
) -> None:
    demo = visitor.start("dispatcher", "demo", "--console", "--port", "0")
    with demo:
        try:
            assert demo.stdout is not None
            said = [demo.stdout.readline() for _ in range(5)]
            place = said[0].split()[4].rstrip(".")
            assert requests.get(f"{place}/healthz", timeout=10).json() == {"status": "ok"}
            assert [line.split()[::2] for line in said[1:4]] == [
                ["anna", "admin"],
                ["oscar", "operator"],
                ["vera", "viewer"],
            ]
            assert "Ctrl-C ends everything" in said[4]
            started = psutil.Process(demo.pid).children(recursive=True)
            demo.send_signal(signal.SIGINT)
            eventually(lambda: demo.poll() is not None, within=60)
            assert demo.returncode == 130
            eventually(lambda: not [each for each in started if each.is_running()], within=10)
        finally:
            demo.kill()


Demo = subprocess.Popen[bytes]


def by_sigterm(demo: Demo, terminal: int) -> None:
    demo.terminate()


def by_ctrl_c(demo: Demo, terminal: int) -> None:
    os.write(terminal, b"\x03")


def by_closing_the_terminal(demo: Demo, terminal: int) -> None:
    os.close(terminal)


@pytest.fixture
def running_demo(visitor: Program) -> Iterator[tuple[Demo, int]]:
    """A demonstration on a terminal of its own, and that terminal's other end."""
    terminal, inside = pty.openpty()
    home = visitor.directory / "tmp"
    home.mkdir()
    environment = {**visitor.environment, "TMPDIR": str(home)}
    demo = subprocess.Popen(
        ["setsid", "--ctty", "dispatcher", "demo", "--members", "2000000"],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env=environment,
        cwd=visitor.directory,
    )
    os.close(inside)
    with demo:
        yield demo, terminal
        demo.kill()
        with suppress(OSError):
            os.close(terminal)


def names_of(processes: Iterable[psutil.Process]) -> set[str]:
    """The names of those that are still there: a server's own children come and go."""
    names = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            names.add(process.name())
    return names


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (by_sigterm, 128 + signal.SIGTERM),
        (by_ctrl_c, 130),
        (by_closing_the_terminal, 128 + signal.SIGHUP),
    ],
    ids=["SIGTERM", "Ctrl-C", "closed terminal"],
)
def test_however_a_demonstration_is_ended_everything_of_it_ends(
    running_demo: tuple[Demo, int],
    visitor: Program,
    end: Callable[[Demo, int], None],
    status: int,
) -> None:
    demo, terminal = running_demo
    said = b""
    while b"they run, after" not in said:
        said += os.read(terminal, 4096)
    started = psutil.Process(demo.pid).children(recursive=True)
    assert {"postgres", "valkey-server"} <= names_of(started)

    end(demo, terminal)

    eventually(lambda: demo.poll() is not None, within=30)
    assert demo.returncode == status
    eventually(lambda: not [process for process in started if process.is_running()], within=10)
    assert list((visitor.directory / "tmp").iterdir()) == []
