"""The embedded servers, on ports of this machine too: proxies and poolers are put before those."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dispatcher.embedded import ServerUrls
from dispatcher.embedded.launching import launch
from dispatcher.embedded.pair import Pair, one_starter, ownership, programs
from dispatcher.embedded.postgresql import DATABASE, ROLE, PostgreSQL
from dispatcher.embedded.server import Command, Server
from dispatcher.embedded.spawning import Spawned
from dispatcher.embedded.valkey import Valkey
from dispatcher.errors import EmbeddedServerError

HOST = "127.0.0.1"
_ATTEMPTS = 5


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class PostgreSQLOnPort(PostgreSQL):
    """PostgreSQL that listens on a port of its own."""

    port: int

    def command(self) -> Command:
        settings = (f"listen_addresses={HOST}", f"port={self.port}")
        arguments = PostgreSQL.command(self).arguments
        return Command((*arguments, *(word for it in settings for word in ("-c", it))))

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://{ROLE}:{self._password()}@{HOST}:{self.port}/{DATABASE}"


@dataclass(frozen=True, slots=True)
class ValkeyOnPort(Valkey):
    """Valkey that listens on a port of its own."""

    port: int

    @property
    def url(self) -> str:
        return f"redis://:{self._password()}@{HOST}:{self.port}/0"

    def _configuration(self) -> str:
        return f"{Valkey._configuration(self)}bind {HOST}\nport {self.port}\n"


def on_ports(pair: Pair, *, durable: bool) -> tuple[PostgreSQLOnPort, ValkeyOnPort]:
    """The home's servers, to be launched on ports that are free now."""
    postgresql, valkey = programs(pair, durable=durable)
    return (
        PostgreSQLOnPort(
            postgresql.directory, postgresql.account, postgresql.programs, durable, free_port()
        ),
        ValkeyOnPort(valkey.directory, valkey.account, valkey.program, free_port()),
    )


@contextmanager
def running_on_ports(home: Path, *, durable: bool) -> Iterator[ServerUrls]:
    """Both servers in `home` for as long as the block runs, at most as this process lives."""
    with ExitStack() as stack:
        with one_starter(home) as pair:
            stack.enter_context(ownership(pair))
            urls = [_started(pair, place, durable, stack) for place in range(2)]
        yield ServerUrls(*urls)


def _started(pair: Pair, place: int, durable: bool, stack: ExitStack) -> str:
    """The URL of the first or the second; another process may take a port before it does."""
    for attempt in range(_ATTEMPTS):
        server: Server = on_ports(pair, durable=durable)[place]
        try:
            spawned: Spawned = launch(server, attached=True)
        except EmbeddedServerError as error:
            if "already in use" not in str(error) or attempt == _ATTEMPTS - 1:
                raise
        else:
            stack.callback(spawned.end)
            return server.url
    raise AssertionError("unreachable")
