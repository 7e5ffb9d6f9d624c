"""Valkey in a directory of ours: a broker that keeps nothing on disk, as PostgreSQL has it all."""

import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from dispatcher.embedded.account import Account
from dispatcher.embedded.directories import ServerDirectory
from dispatcher.embedded.ports import HOST
from dispatcher.embedded.server import Command, Stops, empty_directory, own_password

STOP: Stops = ((signal.SIGTERM, 5), (signal.SIGKILL, 5))

_CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
dir {data}
save ""
appendonly no
maxmemory-policy noeviction
daemonize no
logfile ""
"""


@dataclass(frozen=True, slots=True)
class Valkey:
    """One Valkey, or the system's Redis."""

    directory: ServerDirectory
    account: Account | None
    program: Path

    title: ClassVar[str] = "Valkey"
    stops: ClassVar[Stops] = STOP

    def prepare(self) -> None:
        if not self.directory.data.exists():
            empty_directory(self.directory.data, self.account)

    def command(self, port: int) -> Command:
        """The configuration goes in as standard input: a command line would show the password."""
        configuration = self.directory.path / "valkey.conf"
        configuration.unlink(missing_ok=True)
        with open(os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(
                _CONFIGURATION.format(
                    host=HOST,
                    port=port,
                    password=self._password(),
                    data=_quoted(self.directory.data),
                )
            )
        return Command((str(self.program), "-"), stdin=configuration)

    def answers(self, port: int) -> bool:
        try:
            with socket.create_connection((HOST, port), timeout=0.5) as connection:
                connection.sendall(f"AUTH {self._password()}\r\nPING\r\n".encode())
                with connection.makefile("rb") as replies:
                    return [replies.readline(), replies.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False

    def url(self, port: int) -> str:
        return f"redis://:{self._password()}@{HOST}:{port}/0"

    def _password(self) -> str:
        return own_password(self.directory.password, None)


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
