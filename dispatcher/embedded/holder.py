"""Who holds a server's directory: written at its start, true for as long as its lock is held."""

import json
import os
from dataclasses import asdict, dataclass

from dispatcher.embedded import locks
from dispatcher.embedded.directories import ServerDirectory
from dispatcher.embedded.server import Stops
from dispatcher.errors import EmbeddedServerError


@dataclass(frozen=True, slots=True)
class Holder:
    """A server's process and port, and the process that it ends with: None for `services`."""

    pid: int
    port: int
    ends_with: int | None


def write_holder(directory: ServerDirectory, holder: Holder) -> None:
    new = directory.holder.with_suffix(".new")
    new.write_text(json.dumps(asdict(holder)), encoding="utf-8")
    new.rename(directory.holder)


def holder_of(directory: ServerDirectory) -> Holder | None:
    """None where no server runs."""
    if not locks.is_held(directory.lock):
        return None
    try:
        return Holder(**json.loads(directory.holder.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def stop(directory: ServerDirectory, stops: Stops) -> None:
    """End the directory's server, if one runs: each signal in turn, as long as the lock is held."""
    for number, seconds in stops:
        send(directory, number)
        if locks.is_free_within(directory.lock, seconds):
            return
    raise EmbeddedServerError(f"The server in {directory.path} does not stop; see {directory.log}.")


def send(directory: ServerDirectory, number: int) -> None:
    """Send the directory's server a signal; nothing where it has ended."""
    holder = holder_of(directory)
    if holder is None:
        return
    try:
        os.kill(holder.pid, number)
    except ProcessLookupError:
        # PostgreSQL's other processes hold the lock a moment longer than the first of them.
        return
