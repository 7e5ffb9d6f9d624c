"""PostgreSQL and Valkey that stories may kill, freeze and start again on the same port."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from dispatcher.embedded.holder import holder_of
from dispatcher.embedded.launching import launch
from dispatcher.embedded.pair import one_starter, ownership
from dispatcher.embedded.server import Server
from dispatcher.embedded.spawning import Spawned
from tests.on_ports import on_ports


class Mortal:
    """A server that can die and come back where it was; it ends with this process."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._spawned: Spawned = launch(server, attached=True)

    @property
    def url(self) -> str:
        """Where it is reached, password included."""
        return self._server.url

    @property
    def pid(self) -> int:
        """Its process."""
        holder = holder_of(self._server.directory)
        assert holder is not None
        return holder.pid

    @property
    def data(self) -> Path:
        """Where its data are."""
        return self._server.directory.data

    def restart(self) -> None:
        """At once, without a farewell to its clients, and back."""
        self.end()
        self.start()

    def start(self) -> None:
        """Let it go on where it was."""
        self._spawned = launch(self._server, attached=True)

    def kill(self) -> None:
        """As kill -9 does."""
        os.kill(self.pid, signal.SIGKILL)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Alive, and without an answer, for as long as the block runs."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        """Stop it, however it was hurt."""
        self._spawned.end()


@dataclass(frozen=True, slots=True)
class Mortals:
    """The two servers."""

    postgresql: Mortal
    valkey: Mortal


@contextmanager
def mortal_servers(home: Path) -> Iterator[Mortals]:
    """Both servers in `home`: what is committed survives PostgreSQL's death, though not the disk's.

    A commit would be told before it is written, without the role's setting: a death would lose it.
    """
    with ExitStack() as stack:
        with one_starter(home) as pair:
            stack.enter_context(ownership(pair))
            postgresql, valkey = (Mortal(server) for server in on_ports(pair, durable=False))
            stack.callback(postgresql.end)
            stack.callback(valkey.end)
        engine = create_engine(postgresql.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("ALTER ROLE CURRENT_USER SET synchronous_commit = on"))
        yield Mortals(postgresql, valkey)
