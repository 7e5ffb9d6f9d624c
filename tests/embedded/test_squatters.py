"""Whoever takes the place of a server that was killed learns nothing of its clients."""

import os
import pwd
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from dispatcher.books.session import make_engine, transaction
from dispatcher.embedded import running, start, status, stop
from dispatcher.embedded.account import Account, name_of, succeeds
from dispatcher.errors import DatabaseUnavailable
from dispatcher.services_file import SERVICES_FILE
from dispatcher.settings import Settings, read_settings
from tests.embedded.observing import passwords, process_named
from tests.waiting import eventually

DIALECT = "postgresql+psycopg2"
_NOBODY = Account(65534, 65534)
_ASK_IN_CLEAR = b"R\x00\x00\x00\x08\x00\x00\x00\x03"
_ASK_FOR_NOTHING = b"R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05I"


@contextmanager
def impostor(path: Path, reply: bytes) -> Iterator[bytearray]:
    """A server of our own user's at this socket; what its clients told it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    heard = bytearray()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.settimeout(5)
                        while data := client.recv(4096):
                            heard.extend(data)
                            # A request for encryption is answered with a single letter.
                            client.sendall(b"N" if len(data) == 8 else reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield heard
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def kill_both(home: Path) -> None:
    for name in ("postgres", "valkey-server"):
        process_named(home, name).kill()
    eventually(lambda: not (status(home).postgresql.running or status(home).valkey.running))


def ask(url: str) -> None:
    engine = make_engine(url)
    with transaction(engine) as connection:
        connection.execute(text("SELECT 'a member'"))


def settings_of(home: Path) -> Settings:
    return read_settings({"DISPATCHER_HOME": str(home)})


def test_nobody_else_can_listen_where_a_killed_server_did(home: Path) -> None:
    start(home)
    sockets = [status(home).postgresql.socket, status(home).valkey.socket]
    kill_both(home)

    for path in sockets:
        assert path is not None
        directory = path.parent
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        listen = f"import socket; socket.socket(socket.AF_UNIX).bind({str(directory / 'new')!r})"
        mine = [sys.executable, "-c", listen]
        assert os.geteuid() != 0 or not succeeds(mine, _NOBODY)
        assert subprocess.run(mine, check=False).returncode == 0


@pytest.mark.parametrize("reply", [_ASK_IN_CLEAR, _ASK_FOR_NOTHING], ids=["in clear", "nothing"])
def test_an_impostor_of_postgresql_is_told_neither_password_nor_statement(
    home: Path, reply: bytes
) -> None:
    urls = start(home)
    path = status(home).postgresql.socket
    assert path is not None
    stop(home)

    with impostor(path, reply) as heard:
        for url in (urls.database_url, urls.libpq_url.replace("postgresql", DIALECT, 1)):
            with pytest.raises(DatabaseUnavailable):
                ask(url)

    assert passwords(urls)[0].encode() not in heard
    assert b"a member" not in heard


@pytest.mark.parametrize("reply", [_ASK_IN_CLEAR, _ASK_FOR_NOTHING], ids=["in clear", "nothing"])
def test_an_impostor_under_the_server_s_own_name_is_told_as_little(
    new_home: Path, reply: bytes
) -> None:
    us = pwd.getpwuid(os.geteuid()).pw_name
    url = f"{DIALECT}://dispatcher:secret@/dispatcher?host={new_home}&port=5432&requirepeer={us}"

    with (
        impostor(new_home / ".s.PGSQL.5432", reply) as heard,
        pytest.raises(DatabaseUnavailable, match="scram-sha-256"),
    ):
        ask(url)

    assert b"dispatcher" in heard
    assert b"secret" not in heard
    assert b"a member" not in heard


def test_the_url_names_the_server_s_user(home: Path) -> None:
    with running(home, durable=False) as urls:
        owner = process_named(home, "postgres").uids().effective
        assert urls.database_url.endswith(f"&requirepeer={name_of(Account(owner, owner))}")
        ask(urls.database_url)


def test_the_record_of_killed_servers_is_not_believed(home: Path) -> None:
    start(home)
    assert settings_of(home).database_url is not None
    kill_both(home)

    settings = settings_of(home)
    assert (home / SERVICES_FILE).exists()
    assert (settings.database_url, settings.broker_url, settings.redis_url) == (None, None, None)


def test_of_the_record_what_still_runs_is_believed(home: Path) -> None:
    urls = start(home)
    process_named(home, "valkey-server").kill()
    eventually(lambda: not status(home).valkey.running)

    settings = settings_of(home)
    assert (settings.database_url, settings.broker_url) == (urls.database_url, None)


def test_servers_of_a_program_are_not_those_that_were_left_running(home: Path) -> None:
    start(home)
    kill_both(home)

    with running(home, durable=False):
        assert settings_of(home).database_url is None


def test_a_command_says_that_the_servers_it_was_told_of_are_gone(home: Path) -> None:
    start(home)
    kill_both(home)
    program = Path(sys.executable).with_name("dispatcher")

    ran = subprocess.run(
        [program, "list"],
        env={"PATH": os.defpath, "DISPATCHER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert "no embedded server runs" in ran.stderr
    assert "dispatcher services start" in ran.stderr
