"""Attached servers end with their process, however it ends, and not before."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dispatcher.embedded import ServerUrls, running, start, stop
from dispatcher.errors import EmbeddedServerError
from tests.embedded.observing import answers, names_of, process_named, processes_of
from tests.waiting import eventually

Program = subprocess.Popen[str]
StartProgram = Callable[[], Program]


@pytest.fixture
def program(home: Path) -> Iterator[StartProgram]:
    """Starts programs that have servers in `home`."""

    def start_program() -> Program:
        return stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.embedded.holding", str(home)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )

    with ExitStack() as stack:
        yield start_program


def urls_of(program: Program) -> ServerUrls:
    assert program.stdout is not None
    return ServerUrls(**json.loads(program.stdout.readline()))


def test_a_killed_program_takes_its_servers_with_it(home: Path, program: StartProgram) -> None:
    owner = program()
    assert answers(urls_of(owner))

    owner.kill()

    eventually(lambda: processes_of(home) == [])


def test_servers_start_again_right_after_their_program_was_killed(
    home: Path, program: StartProgram
) -> None:
    owner = program()
    urls_of(owner)
    owner.kill()

    with running(home) as urls:
        assert answers(urls)


def test_ctrl_c_leaves_them_to_a_program_that_has_something_to_finish(
    home: Path, program: StartProgram
) -> None:
    owner = program()
    urls = urls_of(owner)

    os.killpg(owner.pid, signal.SIGINT)

    assert answers(urls)
    assert owner.communicate()[1] == ""
    assert processes_of(home) == []


def test_a_closed_terminal_ends_the_program_and_its_servers(
    home: Path, program: StartProgram
) -> None:
    owner = program()
    urls_of(owner)

    os.killpg(owner.pid, signal.SIGHUP)

    assert owner.wait(timeout=20) == -signal.SIGHUP
    eventually(lambda: processes_of(home) == [])


def test_servers_end_with_the_program_even_where_their_guardian_was_killed(home: Path) -> None:
    with running(home, durable=False):
        guardian = process_named(home, "postgres").parent()
        assert guardian is not None
        guardian.kill()

    assert processes_of(home) == []


def test_a_guardian_that_is_ended_stops_its_server(home: Path) -> None:
    with running(home, durable=False):
        guardian = process_named(home, "valkey-server").parent()
        assert guardian is not None
        guardian.terminate()
        eventually(lambda: names_of(home) == {"postgres"})


def test_servers_of_one_program_are_left_alone_by_another_and_by_the_services(home: Path) -> None:
    whose = f"process {os.getpid()} and end with it"

    with running(home) as urls:
        with pytest.raises(EmbeddedServerError, match=whose), running(home):
            pass
        with pytest.raises(EmbeddedServerError, match=whose):
            stop(home)
        with pytest.raises(EmbeddedServerError, match=whose):
            start(home)

        assert answers(urls)


def test_a_program_is_told_that_the_services_run(home: Path) -> None:
    urls = start(home)

    with pytest.raises(EmbeddedServerError, match="dispatcher services stop"), running(home):
        pass

    assert answers(urls)
