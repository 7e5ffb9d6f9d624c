"""A RabbitMQ that tests may restart, kill and freeze; each test has a vhost of its own."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import psutil
import requests

from tests.faults import keeper
from tests.interop.debian import installed
from tests.on_ports import HOST, free_port
from tests.waiting import eventually

QueueType = Literal["classic", "quorum"]

_SLOW_START = 120


class RabbitMq:
    """One node in a directory, on ports that stay its own; it ends with this process.

    What was made in it outlives its restarts, as its disk does.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port, self._management, distribution, names = _free_ports(4)
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            # The node is its own process then, and no shell's child that outlives its parent.
            "RUNNING_UNDER_SYSTEMD": "1",
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(directory / "no-more-of-them"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(directory / "none.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": HOST,
        }
        self._configure()
        self._processes = ExitStack()
        self._node = 0
        self._processes.enter_context(
            self._kept("names", ["epmd", "-port", str(names), "-address", HOST])
        )
        self.start()

    def url(self, vhost: str, *, user: str = "guest", password: str = "guest") -> str:
        """Where producers and workers reach a vhost."""
        return f"amqp://{quote(user)}:{quote(password)}@{HOST}:{self.port}/{quote(vhost, safe='')}"

    def start(self) -> None:
        """Start the node, and return when it takes connections."""
        program = str(installed("rabbitmq-server"))
        self._node = self._processes.enter_context(self._kept("node", [program]))
        eventually(self._is_ready, within=_SLOW_START)

    def stop(self) -> None:
        """Say goodbye to the clients, and end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End as kill -9 does."""
        self._end(signal.SIGKILL)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Alive, and without an answer, for as long as the block runs."""
        os.kill(self._node, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._node, signal.SIGCONT)

    def end(self) -> None:
        """The node and all that belongs to it, however it was hurt."""
        self._processes.close()

    @contextmanager
    def vhost(self, default_queue_type: QueueType | None = None) -> Iterator[str]:
        """The name of a new vhost, which is deleted afterwards."""
        name = f"test-{uuid.uuid4().hex}"
        body = {"defaultqueuetype": default_queue_type} if default_queue_type else {}
        self.ask("PUT", f"vhosts/{name}", body)
        try:
            yield name
        finally:
            self.ask("DELETE", f"vhosts/{name}")

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One request to its management API, as in `ask("GET", "queues/my-vhost")`."""
        answer = requests.request(
            method,
            f"http://{HOST}:{self._management}/api/{path}",
            json=body,
            auth=("guest", "guest"),
            timeout=20,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def _configure(self) -> None:
        self._write("enabled_plugins", "[rabbitmq_management].\n")
        self._write(
            "rabbitmq.conf",
            f"listeners.tcp.1 = {HOST}:{self.port}\n"
            f"management.tcp.ip = {HOST}\n"
            f"management.tcp.port = {self._management}\n"
            "log.file.level = warning\n"
            # The rest of the machine's disk is nobody's worry here.
            "disk_free_limit.absolute = 1MB\n",
        )

    def _write(self, name: str, words: str) -> None:
        (self._directory / name).write_text(words, encoding="utf-8")

    def _is_ready(self) -> bool:
        assert psutil.Process(self._node).status() != psutil.STATUS_ZOMBIE, self._said()
        with suppress(requests.RequestException):
            self.ask("GET", f"health/checks/port-listener/{self.port}")
            return True
        return False

    def _said(self) -> str:
        return (self._directory / "node.log").read_text(encoding="utf-8", errors="replace")

    def _end(self, how: signal.Signals) -> None:
        os.kill(self._node, how)
        node = psutil.Process(self._node)
        eventually(lambda: node.status() == psutil.STATUS_ZOMBIE, within=_SLOW_START)

    @contextmanager
    def _kept(self, name: str, command: list[str]) -> Iterator[int]:
        """A process, by its id, which lives at most as long as this one."""
        with (self._directory / f"{name}.log").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, keeper.__file__, *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                cwd=self._directory,
                env=self._environment,
                start_new_session=True,
            )
        with process:
            assert process.stdout is not None
            yield int(process.stdout.readline())


def _free_ports(count: int) -> list[int]:
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)


@contextmanager
def running_rabbitmq(directory: Path) -> Iterator[RabbitMq]:
    """A RabbitMQ with its files in `directory`, for as long as the block runs."""
    server = RabbitMq(directory)
    try:
        yield server
    finally:
        server.end()
