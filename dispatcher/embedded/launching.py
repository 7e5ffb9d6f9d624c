"""A server started until it answers."""

import os
import time
from contextlib import ExitStack

from dispatcher import locks
from dispatcher.embedded.directories import ServerDirectory
from dispatcher.embedded.server import Server
from dispatcher.embedded.spawning import Spawned, spawn
from dispatcher.errors import EmbeddedServerError
from dispatcher.own_files import read_own

_PATIENCE = 60
"""Seconds for a server to answer: after a crash PostgreSQL repairs its data first."""
_TOLD_LINES = 5


def launch(server: Server, *, attached: bool) -> Spawned:
    """Start the server and return when it answers.

    Raises EmbeddedServerError with the end of its log where it doesn't.
    """
    _begin_log(server.directory)
    spawned = spawn(server, attached=attached)
    with ExitStack() as unless_it_answers:
        unless_it_answers.callback(spawned.end)
        if answers_soon(server):
            unless_it_answers.pop_all()
            return spawned
    raise EmbeddedServerError(
        f"{server.title} does not start; {server.directory.log} ends with: "
        f"{_end_of_log(server.directory)}"
    )


def answers_soon(server: Server) -> bool:
    """Wait until the server answers; False if its process ended, or hangs."""
    deadline = time.monotonic() + _PATIENCE
    while not server.answers():
        if not locks.is_held(server.directory.lock) or time.monotonic() > deadline:
            return False
        time.sleep(locks.POLL)
    return True


def _begin_log(directory: ServerDirectory) -> None:
    """A log for this start; the one before it stays, as it may tell why a server died."""
    if os.path.lexists(directory.log):
        if not directory.log.is_symlink():
            directory.log.chmod(0o600)
        directory.log.rename(directory.log.with_suffix(".previous"))


def _end_of_log(directory: ServerDirectory) -> str:
    return " / ".join(read_own(directory.log).split("\n")[-_TOLD_LINES - 1 :]).strip(" /")
