"""Servers that are left running in the background until they are stopped."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

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
from dispatcher.embedded.ports import HOST
from dispatcher.embedded.postgresql import DATABASE, FAST_STOP, ROLE
from dispatcher.embedded.server import Server, Stops
from dispatcher.embedded.valkey import STOP
from dispatcher.settings import SERVICES_FILE


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server as it is now. `died`: `start` left it running, and nobody stopped it.

    `url` has no password in it; `ends_with` is the process that the server belongs to, None for
    one that `start` left running. `log` is the file to read where something is wrong.
    """

    running: bool
    died: bool
    url: str | None
    port: int | None
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
        urls = ServerUrls(_ensure(postgresql), _ensure(valkey))
        _record(home / SERVICES_FILE, urls)
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
        (home / SERVICES_FILE).unlink(missing_ok=True)
    return any(stopped)


def status(home: Path) -> ServicesStatus:
    """What runs in this home now; nothing is started, made or waited for."""
    with os_errors_told(home):
        pair = pair_of(home)
        recorded = (home / SERVICES_FILE).exists()
        return ServicesStatus(
            _status(pair.postgresql, f"postgresql://{ROLE}@{{}}/{DATABASE}", recorded),
            _status(pair.valkey, "redis://{}/0", recorded),
        )


def _ensure(server: Server) -> str:
    """Its URL, once it answers: the server that was left running, or else a new one."""
    holder = holder_of(server.directory)
    if holder is None or holder.ends_with is not None or not answers_soon(server, holder.port):
        return server.url(launch(server, attached=False).port)
    return server.url(holder.port)


def _record(path: Path, urls: ServerUrls) -> None:
    """Read by dispatcher.settings, which must never see half of it."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(urls), file)
    new.rename(path)


def _stop(directory: ServerDirectory, stops: Stops) -> bool:
    if holder_of(directory) is None:
        return False
    stop_server(directory, stops)
    return True


def _status(directory: ServerDirectory, url: str, recorded: bool) -> ServerStatus:
    holder = holder_of(directory)
    if holder is None:
        return ServerStatus(False, recorded, None, None, None, directory.log)
    address = url.format(f"{HOST}:{holder.port}")
    return ServerStatus(True, False, address, holder.port, holder.ends_with, directory.log)
