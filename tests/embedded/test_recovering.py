"""Starts that meet what an accident, or somebody else, has left."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dispatcher.embedded import running, start
from dispatcher.embedded.holder import stop as stop_server
from dispatcher.embedded.pair import pair_of
from dispatcher.embedded.postgresql import SOCKET
from dispatcher.errors import EmbeddedServerError
from tests.embedded.observing import answers, process_named
from tests.waiting import eventually


def leave_pid_file(home: Path, pid: int) -> None:
    data = pair_of(home).postgresql.data
    note = data / "postmaster.pid"
    note.write_text(f"{pid}\n{data}\n1790000000\n1\n\n127.0.0.1\n\nready\n")
    os.chown(note, data.stat().st_uid, data.stat().st_gid)


def test_a_pid_file_that_names_a_stranger_is_removed(home: Path) -> None:
    leave_pid_file(home, os.getppid())

    with running(home, durable=False) as urls:
        assert answers(urls)


def test_a_pid_file_that_names_a_zombie_is_removed(home: Path) -> None:
    with subprocess.Popen(["true"]) as zombie:
        eventually(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE)
        leave_pid_file(home, zombie.pid)

        with running(home, durable=False) as urls:
            assert answers(urls)


@pytest.fixture
def server_by_hand(home: Path) -> Iterator[int]:
    """A process that looks like somebody's own PostgreSQL in the data of this home."""
    data = pair_of(home).postgresql.data
    command = ["tail", "-f", "/dev/null", "--", str(data)]
    with subprocess.Popen(command, user=data.stat().st_uid) as process:
        yield process.pid
        process.kill()


def test_a_server_that_somebody_started_by_hand_keeps_its_data(
    home: Path, server_by_hand: int
) -> None:
    leave_pid_file(home, server_by_hand)

    with pytest.raises(EmbeddedServerError, match=r"postmaster\.pid"), running(home):
        pass


def test_a_first_start_that_was_cut_short_is_made_again(new_home: Path) -> None:
    unfinished = pair_of(new_home).postgresql.path / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("half")
    for directory in (unfinished.parent, unfinished.parent.parent):
        directory.chmod(0o711)

    with running(new_home, durable=False) as urls:
        assert answers(urls)


def test_what_a_killed_server_left_of_its_socket_is_removed(home: Path) -> None:
    sockets = pair_of(home).postgresql.sockets
    sockets.mkdir()
    lock = sockets / f"{SOCKET}.lock"
    data = pair_of(home).postgresql.data
    lock.write_text(f"{os.getppid()}\n{data}\n1790000000\n5432\n{sockets}\n")
    for path in (sockets, lock):
        os.chown(path, data.stat().st_uid, data.stat().st_gid)

    with running(home, durable=False) as urls:
        assert answers(urls)


def test_a_server_that_cannot_start_is_quoted(home: Path) -> None:
    with open(pair_of(home).postgresql.data / "postgresql.conf", "a") as configuration:
        configuration.write("no_such_setting = 1\n")

    with pytest.raises(EmbeddedServerError, match="no_such_setting"), running(home):
        pass


def test_data_of_another_version_are_left_alone(home: Path) -> None:
    (pair_of(home).postgresql.data / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedServerError, match="made by PostgreSQL 9"), running(home):
        pass


def test_a_frozen_server_is_ended_all_the_same(home: Path) -> None:
    start(home)
    frozen = process_named(home, "postgres")
    frozen.suspend()

    stop_server(pair_of(home).postgresql, ((signal.SIGINT, 0.1), (signal.SIGKILL, 5)))

    assert not frozen.is_running() or frozen.status() == psutil.STATUS_ZOMBIE
