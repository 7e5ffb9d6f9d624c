"""Servers that end with the process that started them, however it ends."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dispatcher import services_file
from dispatcher.embedded.launching import launch
from dispatcher.embedded.pair import ServerUrls, one_starter, ownership, programs
from dispatcher.embedded.server import Server


@contextmanager
def running(home: Path, *, durable: bool = True) -> Iterator[ServerUrls]:
    """PostgreSQL and Valkey in `home` for as long as the block runs, at most as this process lives.

    `durable=False` is for data that nobody will miss after a crash of the machine, as in tests.
    Raises EmbeddedServerError where they cannot be started, or another process has them.
    """
    with ExitStack() as stack:
        with one_starter(home) as pair:
            stack.enter_context(ownership(pair))
            services_file.forget(home)
            postgresql, valkey = programs(pair, durable=durable)
            urls = ServerUrls(_attach(postgresql, stack), _attach(valkey, stack))
        yield urls


def _attach(server: Server, stack: ExitStack) -> str:
    spawned = launch(server, attached=True)
    stack.callback(spawned.end)
    return server.url
