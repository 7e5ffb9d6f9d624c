"""PostgreSQL in a directory of ours: how its data are made, and how it is started and reached."""

import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import psycopg2

from dispatcher.embedded.account import Account, name_of
from dispatcher.embedded.directories import ServerDirectory
from dispatcher.embedded.server import (
    Command,
    Stops,
    empty_directory,
    environment,
    own_password,
)
from dispatcher.embedded.stale import remove_stale_pid_file
from dispatcher.errors import EmbeddedServerError
from dispatcher.own_files import check_directory, read_own

DATABASE = "dispatcher"
ROLE = "dispatcher"
SOCKET = ".s.PGSQL.5432"
"""The name of its socket; the number is that of `port`, though nothing listens on it."""
FAST_STOP: Stops = ((signal.SIGINT, 30), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))
_IMMEDIATE_STOP: Stops = FAST_STOP[1:]

_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    # No row and no value of a statement is written into the log: they may name members.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """One cluster; `durable` false trades what a crash of the machine would lose for speed."""

    directory: ServerDirectory
    account: Account | None
    programs: Path
    durable: bool

    title: ClassVar[str] = "PostgreSQL"

    @property
    def stops(self) -> Stops:
        return FAST_STOP if self.durable else _IMMEDIATE_STOP

    def prepare(self) -> None:
        """Make the cluster at the first start, and clear what a killed server left."""
        if os.path.lexists(self.directory.data):
            self._check_version()
            remove_stale_pid_file(self.directory.data)
            return
        own_password(self.directory.password, self.account)
        unfinished = self.directory.path / "data.new"
        empty_directory(unfinished, self.account)
        self._make_cluster(unfinished)
        unfinished.rename(self.directory.data)

    def command(self) -> Command:
        settings = _SETTINGS | {"unix_socket_directories": str(self.directory.sockets)}
        settings |= {} if self.durable else _CARELESS
        arguments = [str(self.programs / "postgres"), "-D", str(self.directory.data)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        return Command(tuple(arguments))

    def answers(self) -> bool:
        """The first answer of a cluster brings its database into being."""
        try:
            connection = psycopg2.connect(
                self.url.replace("postgresql+psycopg2://", "postgresql://", 1),
                dbname="postgres",
                connect_timeout=2,
                require_auth="scram-sha-256",
            )
        except psycopg2.OperationalError:
            return False
        try:
            connection.autocommit = True
            _make_database(connection)
        finally:
            connection.close()
        return True

    @property
    def url(self) -> str:
        """Whoever connects checks by `requirepeer` whose process is at the socket's other end."""
        url = url_of(self.directory.sockets, password=self._password())
        user = name_of(self.account)
        proof = f"requirepeer={quote(user)}" if user else "require_auth=scram-sha-256"
        return f"{url}&{proof}".replace("postgresql://", "postgresql+psycopg2://", 1)

    def _password(self) -> str:
        return own_password(self.directory.password, self.account)

    def _make_cluster(self, data: Path) -> None:
        account = self.account
        made = subprocess.run(
            [
                str(self.programs / "initdb"),
                f"--pgdata={data}",
                f"--pwfile={self.directory.password}",
                f"--username={ROLE}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-locale",
                *([] if self.durable else ["--no-sync"]),
            ],
            env=environment(),
            cwd=data,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise EmbeddedServerError(
                f"PostgreSQL cannot make its data in {self.directory.path}: {made.stderr.strip()}"
            )

    def _check_version(self) -> None:
        """A cluster can be read by the major version only that made it."""
        check_directory(self.directory.data, self.account.uid if self.account else None)
        made_by = read_own(self.directory.data / "PG_VERSION").strip()
        program = subprocess.run(
            [str(self.programs / "postgres"), "--version"],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        version = re.search(r"\d+", program)
        if version is None or version[0] != made_by:
            raise EmbeddedServerError(
                f"{self.directory.data} was made by PostgreSQL {made_by}, and this is "
                f"{program.strip()}: install that version again, or set DISPATCHER_HOME to a new "
                "directory."
            )


def url_of(sockets: Path, *, password: str | None = None) -> str:
    """Where the server with its socket in this directory is, without a password unless given."""
    login = ROLE if password is None else f"{ROLE}:{password}"
    return f"postgresql://{login}@/{DATABASE}?host={sockets}&port=5432"


def _make_database(connection: "psycopg2.extensions.connection") -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {DATABASE}")
