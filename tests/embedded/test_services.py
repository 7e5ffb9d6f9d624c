"""Servers that are left running until they are stopped."""

import stat
import threading
from pathlib import Path

import psycopg2
import pytest

from dispatcher.embedded import ServerUrls, ServicesStatus, start, status, stop
from dispatcher.services_file import SERVICES_FILE
from dispatcher.settings import read_settings
from tests.embedded.observing import answers, process_named, processes_of, query
from tests.waiting import eventually


def running(services: ServicesStatus) -> tuple[bool, bool]:
    return services.postgresql.running, services.valkey.running


def test_a_second_start_changes_nothing(home: Path) -> None:
    urls = start(home)
    servers = processes_of(home)

    assert start(home) == urls
    assert answers(urls)
    assert all(server.is_running() for server in servers)


def test_of_two_starters_at_once_one_waits_for_the_other(home: Path) -> None:
    barrier = threading.Barrier(2)
    found: list[ServerUrls] = []

    def start_with_the_other() -> None:
        barrier.wait()
        found.append(start(home))

    starters = [threading.Thread(target=start_with_the_other) for _ in range(2)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()

    assert found[0] == found[1]
    assert answers(found[0])


def test_settings_know_the_servers_while_they_run(home: Path) -> None:
    urls = start(home)
    settings = read_settings({"DISPATCHER_HOME": str(home)})
    stop(home)
    afterwards = read_settings({"DISPATCHER_HOME": str(home)})

    assert (settings.database_url, settings.broker_url) == (urls.database_url, urls.broker_url)
    assert (afterwards.database_url, afterwards.broker_url) == (None, None)


def test_the_file_with_their_passwords_is_for_its_owner_alone(home: Path) -> None:
    start(home)

    assert stat.S_IMODE((home / SERVICES_FILE).stat().st_mode) == 0o600


def test_the_servers_logs_are_for_their_owner_alone_and_tell_no_row(home: Path) -> None:
    urls = start(home)
    with pytest.raises(psycopg2.errors.CheckViolation):
        query(
            urls,
            "CREATE TABLE seen (member text CHECK (member = '')) ; "
            "INSERT INTO seen VALUES ('anna')",
        )
    services = status(home)
    logs = (services.postgresql.log, services.valkey.log)

    assert [stat.S_IMODE(log.stat().st_mode) for log in logs] == [0o600, 0o600]
    assert "violates check constraint" in services.postgresql.log.read_text()
    assert "anna" not in services.postgresql.log.read_text()


def test_stop_leaves_nothing_running_and_says_whether_something_did(home: Path) -> None:
    start(home)

    assert stop(home)
    assert processes_of(home) == []
    assert not stop(home)


def test_nothing_is_made_in_a_home_that_is_only_asked_about(new_home: Path) -> None:
    assert not stop(new_home)
    assert running(status(new_home)) == (False, False)
    assert list(new_home.iterdir()) == []


def test_data_and_urls_survive_stop_and_start(home: Path) -> None:
    urls = start(home)
    query(urls, "CREATE TABLE kept AS SELECT 42 AS answer")
    stop(home)

    assert start(home) == urls
    assert query(urls, "SELECT answer FROM kept") == [(42,)]


def test_status_shows_where_they_are_and_no_password(home: Path) -> None:
    urls = start(home)
    services = status(home)

    for server, url in (
        (services.postgresql, urls.database_url),
        (services.valkey, urls.broker_url),
    ):
        assert server.running
        assert server.url is not None
        assert server.socket is not None
        assert server.socket.is_socket()
        assert str(server.socket.parent) in server.url
        assert str(server.socket.parent) in url
        assert url.partition("@")[0].rpartition(":")[2] not in server.url


@pytest.mark.parametrize("name", ["postgres", "valkey-server"])
def test_a_server_that_died_is_missed_and_started_again(home: Path, name: str) -> None:
    urls = start(home)
    query(urls, "CREATE TABLE kept AS SELECT 42 AS answer")
    process_named(home, name).kill()
    eventually(lambda: running(status(home)) != (True, True))
    services = status(home)

    assert services.postgresql.died == (name == "postgres")
    assert services.valkey.died == (name == "valkey-server")
    assert start(home) == urls
    assert query(urls, "SELECT answer FROM kept") == [(42,)]
    assert running(status(home)) == (True, True)
