"""Valkey in a directory of ours: a broker that keeps nothing on disk, as PostgreSQL has it all."""

import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from dispatcher.embedded.account import Account
from dispatcher.embedded.directories import ServerDirectory
from dispatcher.embedded.server import Command, Stops, empty_directory, own_password
from dispatcher.own_files import check_directory, open_own

STOP: Stops = ((signal.SIGTERM, 5), (signal.SIGKILL, 5))

SOCKET = "valkey.sock"

_CONFIGURATION = """\
port 0
unixsocket {socket}
unixsocketperm 700
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
        if not os.path.lexists(self.directory.data):
            empty_directory(self.directory.data, self.account)
        check_directory(self.directory.data, self.account.uid if self.account else None)

    def command(self) -> Command:
        """The configuration goes in as standard input: a command line would show the password."""
        configuration = self.directory.path / "valkey.conf"
        configuration.unlink(missing_ok=True)
        with open(open_own(configuration, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
            file.write(self._configuration())
        return Command((str(self.program), "-"), stdin=configuration)

    def answers(self) -> bool:
        try:
            with self._connect() as connection:
                connection.settimeout(0.5)
                connection.sendall(f"AUTH {self._password()}\r\nPING\r\n".encode())
                with connection.makefile("rb") as replies:
                    return [replies.readline(), replies.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False

    @property
    def url(self) -> str:
        return url_of(self.directory.sockets, password=self._password())

    def _configuration(self) -> str:
        return _CONFIGURATION.format(
            socket=_quoted(self.directory.sockets / SOCKET),
            password=self._password(),
            data=_quoted(self.directory.data),
        )

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self.directory.sockets / SOCKET))
        except OSError:
            connection.close()
            raise
        return connection

    def _password(self) -> str:
        return own_password(self.directory.password, None)


def url_of(sockets: Path, *, password: str | None = None) -> str:
    """Where the server with its socket in this directory is, without a password unless given."""
    login = "" if password is None else f":{password}@"
    return f"unix://{login}{sockets / SOCKET}?db=0"


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
