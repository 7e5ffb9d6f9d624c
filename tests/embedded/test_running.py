"""Servers that belong to a process."""

import os
import stat
from pathlib import Path

import psycopg2
import pytest
import redis

from dispatcher.embedded import ServerUrls, running, status
from tests.embedded.observing import (
    answers,
    broker_settings,
    passwords,
    process_named,
    processes_of,
    query,
)

NAMES = ("postgres", "valkey-server")


def setting(urls: ServerUrls, name: str) -> object:
    return query(urls, f"SHOW {name}")[0][0]


def test_both_servers_answer_inside_the_block_and_are_gone_after_it(new_home: Path) -> None:
    with running(new_home) as urls:
        assert answers(urls)
        guardians = [process_named(new_home, name).parent() for name in NAMES]

    assert processes_of(new_home) == []
    assert not any(guardian.is_running() for guardian in guardians if guardian is not None)


def test_they_end_with_a_block_that_fails(home: Path) -> None:
    with pytest.raises(ZeroDivisionError), running(home, durable=False):
        raise ZeroDivisionError

    assert processes_of(home) == []


def test_postgresql_is_durable_and_independent_of_the_system_s_language(home: Path) -> None:
    with running(home) as urls:
        assert setting(urls, "fsync") == "on"
        assert setting(urls, "synchronous_commit") == "on"
        assert setting(urls, "server_encoding") == "UTF8"
        assert setting(urls, "lc_messages") == "C"
        assert setting(urls, "timezone") == "UTC"
        assert setting(urls, "max_connections") == "200"


def test_tests_trade_durability_for_speed(servers: ServerUrls) -> None:
    assert setting(servers, "fsync") == "off"
    assert setting(servers, "synchronous_commit") == "off"
    assert setting(servers, "full_page_writes") == "off"


def test_valkey_evicts_nothing_and_keeps_nothing_on_disk(servers: ServerUrls) -> None:
    settings = broker_settings(servers)

    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["save"] == ""
    assert settings["appendonly"] == "no"


def test_data_and_urls_survive_a_restart(home: Path) -> None:
    with running(home) as before:
        query(before, "CREATE TABLE kept AS SELECT 42 AS answer")

    with running(home) as after:
        assert query(after, "SELECT answer FROM kept") == [(42,)]
    assert after == before


def test_data_survive_the_kill_of_postgresql(home: Path) -> None:
    with running(home) as urls:
        query(urls, "CREATE TABLE kept AS SELECT 42 AS answer")
        process_named(home, "postgres").kill()

    with running(home) as urls:
        assert query(urls, "SELECT answer FROM kept") == [(42,)]


def test_a_stranger_is_refused(servers: ServerUrls) -> None:
    postgresql, valkey = passwords(servers)

    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(servers.database_url.replace("+psycopg2", "").replace(postgresql, "guess"))
    with (
        redis.Redis.from_url(servers.broker_url.replace(valkey, "guess")) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_they_listen_on_sockets_that_nobody_else_can_reach(home: Path) -> None:
    with running(home, durable=False) as urls:
        assert answers(urls)
        for name in NAMES:
            server = process_named(home, name)
            doors = [
                Path(str(connection.laddr))
                for connection in server.net_connections("unix")
                if connection.laddr
            ]
            assert server.net_connections("inet") == []
            assert {door.parent.name for door in doors} == {"socket"}
            for door in doors:
                assert stat.S_IMODE(door.parent.stat().st_mode) == 0o700
                assert door.parent.stat().st_uid == server.uids().effective


def test_a_home_with_a_long_name_has_its_sockets_elsewhere(new_home: Path) -> None:
    deep = new_home / ("d" * 60) / ("e" * 60)
    with running(deep, durable=False) as urls:
        assert answers(urls)
        socket = status(deep).valkey.socket
        assert socket is not None
        assert len(os.fsencode(socket)) <= 103
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(socket.parent.parent.stat().st_mode) & 0o066 == 0

    assert not socket.parent.exists()


def test_no_server_runs_as_root(servers: ServerUrls, servers_home: Path) -> None:
    assert answers(servers)
    owners = {process_named(servers_home, name).uids().real for name in NAMES}

    assert 0 not in owners


def test_no_command_line_shows_a_password_and_no_variable_of_ours_reaches_a_server(
    servers: ServerUrls, servers_home: Path
) -> None:
    assert answers(servers)
    found = [process_named(servers_home, name) for name in NAMES]
    processes = [*found, *(parent for process in found if (parent := process.parent()))]

    assert len(processes) == 4
    for process in processes:
        assert not any(secret in str(process.cmdline()) for secret in passwords(servers))
        assert not any(name.startswith("DISPATCHER_") for name in process.environ())
        assert "HOME" not in process.environ()


def test_files_that_hold_a_password_are_for_their_owner_alone(
    servers: ServerUrls, servers_home: Path
) -> None:
    holding = [
        path
        for path in (servers_home / "embedded").glob("*/*")
        if path.is_file()
        and any(secret.encode() in path.read_bytes() for secret in passwords(servers))
    ]

    assert len(holding) == 3
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in holding)


def test_a_home_with_blanks_and_quotes_in_its_name_will_do(new_home: Path) -> None:
    with running(new_home / 'my "own" \\ home', durable=False) as urls:
        assert answers(urls)


def test_status_tells_whose_they_are(servers: ServerUrls, servers_home: Path) -> None:
    assert answers(servers)

    assert status(servers_home).postgresql.ends_with == os.getpid()
    assert status(servers_home).valkey.ends_with == os.getpid()
