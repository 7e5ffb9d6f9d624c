"""Who holds a server's directory: noted by its guardian, true for as long as its lock is held."""

import json
import os
from dataclasses import dataclass

from dispatcher import locks
from dispatcher.embedded.directories import ServerDirectory
from dispatcher.embedded.server import Stops
from dispatcher.embedded.sockets import remove_socket_directory
from dispatcher.errors import EmbeddedServerError
from dispatcher.own_files import read_own


@dataclass(frozen=True, slots=True)
class Holder:
    """A server's process, and the process that it ends with: None for `services`."""

    pid: int
    ends_with: int | None


def holder_of(directory: ServerDirectory) -> Holder | None:
    """None where no server runs, or not yet."""
    if not locks.is_held(directory.lock):
        return None
    try:
        noted = json.loads(read_own(directory.holder))
    except FileNotFoundError:
        return None
    return Holder(noted["pid"], noted["ends_with"])


def stop(directory: ServerDirectory, stops: Stops) -> None:
    """End the directory's server, if one runs: each signal in turn, as long as the lock is held."""
    for number, seconds in stops:
        _send(directory, number)
        if locks.is_free_within(directory.lock, seconds):
            remove_socket_directory(directory.sockets)
            return
    raise EmbeddedServerError(f"The server in {directory.path} does not stop; see {directory.log}.")


def _send(directory: ServerDirectory, number: int) -> None:
    """Send the directory's server a signal; nothing where it has ended."""
    holder = holder_of(directory)
    if holder is None:
        return
    try:
        os.kill(holder.pid, number)
    except ProcessLookupError:
        # PostgreSQL's other processes hold the lock a moment longer than the first of them.
        return
