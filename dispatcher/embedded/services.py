"""Servers that are left running in the background until they are stopped."""

from dataclasses import asdict, dataclass
from pathlib import Path

from dispatcher import services_file
from dispatcher.embedded.directories import ServerDirectory
from dispatcher.embedded.holder import holder_of
from dispatcher.embedded.holder import stop as stop_server
from dispatcher.embedded.launching import answers_soon, launch
from dispatcher.embedded.pair import (
    ServerUrls,
    one_starter,
    os_errors_told,
    ownership,
    pair_of,
    programs,
)
from dispatcher.embedded.postgresql import FAST_STOP
from dispatcher.embedded.postgresql import SOCKET as POSTGRESQL_SOCKET
from dispatcher.embedded.postgresql import url_of as postgresql_url
from dispatcher.embedded.server import Server, Stops
from dispatcher.embedded.valkey import SOCKET as VALKEY_SOCKET
from dispatcher.embedded.valkey import STOP
from dispatcher.embedded.valkey import url_of as valkey_url


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server as it is now. `died`: `start` left it running, and nobody stopped it.

    `url` has no password in it; `socket` is the file that it listens on. `ends_with` is the process
    that the server belongs to, None for one that `start` left running; `log` is the file to read
    where something is wrong.
    """

    running: bool
    died: bool
    url: str | None
    socket: Path | None
    ends_with: int | None
    log: Path


@dataclass(frozen=True, slots=True)
class ServicesStatus:
    """Both servers of a home."""

    postgresql: ServerStatus
    valkey: ServerStatus


def start(home: Path) -> ServerUrls:
    """Both servers of this home run when it returns, and go on; those that run are left alone.

    Raises EmbeddedServerError where they cannot be started.
    """
    with one_starter(home) as pair, ownership(pair):
        postgresql, valkey = programs(pair, durable=True)
        # Those of servers that ran before are not believed while others are being started.
        services_file.forget(home)
        urls = ServerUrls(_ensure(postgresql), _ensure(valkey))
        held = {"database_url": pair.postgresql.lock, "broker_url": pair.valkey.lock}
        services_file.record(home, asdict(urls), held)
    return urls


def stop(home: Path) -> bool:
    """Neither server of this home runs when it returns; false where none did before.

    Raises EmbeddedServerError for servers that belong to a process and end with it.
    """
    with os_errors_told(home):
        if not pair_of(home).path.is_dir():
            return False
    with one_starter(home) as pair, ownership(pair):
        stopped = [_stop(pair.valkey, STOP), _stop(pair.postgresql, FAST_STOP)]
        services_file.forget(home)
    return any(stopped)


def status(home: Path) -> ServicesStatus:
    """What runs in this home now; nothing is started, made or waited for."""
    with os_errors_told(home):
        pair = pair_of(home)
        recorded = services_file.is_recorded(home)
        database, broker = postgresql_url(pair.postgresql.sockets), valkey_url(pair.valkey.sockets)
        return ServicesStatus(
            _status(pair.postgresql, database, POSTGRESQL_SOCKET, recorded),
            _status(pair.valkey, broker, VALKEY_SOCKET, recorded),
        )


def _ensure(server: Server) -> str:
    """Its URL, once it answers: the server that was left running, or else a new one."""
    holder = holder_of(server.directory)
    if holder is None or holder.ends_with is not None or not answers_soon(server):
        launch(server, attached=False)
    return server.url


def _stop(directory: ServerDirectory, stops: Stops) -> bool:
    if holder_of(directory) is None:
        return False
    stop_server(directory, stops)
    return True


def _status(directory: ServerDirectory, url: str, socket: str, recorded: bool) -> ServerStatus:
    holder = holder_of(directory)
    if holder is None:
        return ServerStatus(False, recorded, None, None, None, directory.log)
    path = directory.sockets / socket
    return ServerStatus(True, False, url, path, holder.ends_with, directory.log)
