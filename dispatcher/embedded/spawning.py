"""A server's process, started by a guardian that holds it as long as it should run."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dispatcher import locks
from dispatcher.embedded import guardian
from dispatcher.embedded.directories import ServerDirectory
from dispatcher.embedded.holder import holder_of, stop
from dispatcher.embedded.server import Server, Stops, environment
from dispatcher.embedded.sockets import make_socket_directory
from dispatcher.errors import EmbeddedServerError
from dispatcher.own_files import open_own

_LET_GO = 10
"""Seconds for the servers of a program that has ended to end too."""
_A_LOOK = 0.2
"""Seconds for somebody who only looks whether the lock is held."""


@dataclass(frozen=True, slots=True)
class Spawned:
    """A server's process; its guardian has ended already where the server is left running."""

    directory: ServerDirectory
    stops: Stops
    guardian: "subprocess.Popen[bytes]"

    def end(self) -> None:
        """Stop the server, and return when it has stopped."""
        _let_go(self.guardian)
        self.guardian.wait()
        stop(self.directory, self.stops)


def spawn(server: Server, *, attached: bool) -> Spawned:
    """Start the server's process in its directory; whether it will answer is not known yet.

    An attached server ends with this process, however that ends; another is left running.
    """
    with _lock(server) as lock:
        server.prepare()
        make_socket_directory(server.directory.sockets, server.account)
        server.directory.holder.unlink(missing_ok=True)
        order = _order(server, lock, attached)
        process = _start_guardian(server.directory, lock)
        _tell(process, order)
    _wait_for_start(process)
    if not attached:
        _let_go(process)
        process.wait()
    return Spawned(server.directory, server.stops, process)


def _order(server: Server, lock: int, attached: bool) -> bytes:
    command = server.command()
    account = server.account
    order = {
        "command": command.arguments,
        "stdin": str(command.stdin),
        "directory": str(server.directory.data),
        "uid": account.uid if account else None,
        "gid": account.gid if account else None,
        "lock": lock,
        "attached": attached,
        "note": str(server.directory.holder),
        "holder": {"ends_with": os.getpid() if attached else None},
        "stops": server.stops,
    }
    return json.dumps(order).encode() + b"\n"


def _start_guardian(directory: ServerDirectory, lock: int) -> "subprocess.Popen[bytes]":
    with open(open_own(directory.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env=environment(),
            start_new_session=True,
            pass_fds=[lock],
        )


def _tell(process: "subprocess.Popen[bytes]", order: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(order)
    process.stdin.flush()


def _wait_for_start(process: "subprocess.Popen[bytes]") -> None:
    """The guardian closes its output when the server runs, or could not be started."""
    assert process.stdout is not None
    with process.stdout as output:
        output.read()


def _let_go(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    process.stdin.close()


@contextmanager
def _lock(server: Server) -> Iterator[int]:
    """The descriptor that the server is to inherit; ours is closed afterwards."""
    holder = holder_of(server.directory)
    left_running = holder is not None and holder.ends_with is None
    descriptor = locks.take(server.directory.lock, within=_A_LOOK if left_running else _LET_GO)
    if descriptor is None:
        raise EmbeddedServerError(_who_holds(server))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _who_holds(server: Server) -> str:
    where = f"{server.title} runs in {server.directory.path} already"
    holder = holder_of(server.directory)
    if holder is not None and holder.ends_with is None:
        return f"{where}: use it, or run `dispatcher services stop`."
    return f"{where}, though its program has ended: wait until it has ended too."
