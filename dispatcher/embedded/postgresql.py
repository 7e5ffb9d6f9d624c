"""PostgreSQL in a directory of ours: how its data are made, and how it is started and reached."""

import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psycopg2

from dispatcher.embedded.account import Account
from dispatcher.embedded.directories import ServerDirectory
from dispatcher.embedded.ports import HOST
from dispatcher.embedded.server import (
    Command,
    Stops,
    empty_directory,
    environment,
    own_password,
)
from dispatcher.embedded.stale import remove_stale_pid_file
from dispatcher.errors import EmbeddedServerError

DATABASE = "dispatcher"
ROLE = "dispatcher"
FAST_STOP: Stops = ((signal.SIGINT, 30), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))
_IMMEDIATE_STOP: Stops = FAST_STOP[1:]

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
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
        if self.directory.data.exists():
            self._check_version()
            remove_stale_pid_file(self.directory.data)
            return
        own_password(self.directory.password, self.account)
        unfinished = self.directory.path / "data.new"
        empty_directory(unfinished, self.account)
        self._make_cluster(unfinished)
        unfinished.rename(self.directory.data)

    def command(self, port: int) -> Command:
        settings = _SETTINGS | {"port": str(port)} | ({} if self.durable else _CARELESS)
        arguments = [str(self.programs / "postgres"), "-D", str(self.directory.data)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        return Command(tuple(arguments))

    def answers(self, port: int) -> bool:
        """The first answer of a cluster brings its database into being."""
        try:
            connection = psycopg2.connect(
                host=HOST,
                port=port,
                user=ROLE,
                password=self._password(),
                dbname="postgres",
                connect_timeout=2,
            )
        except psycopg2.OperationalError:
            return False
        try:
            connection.autocommit = True
            _make_database(connection)
        finally:
            connection.close()
        return True

    def url(self, port: int) -> str:
        return f"postgresql+psycopg2://{ROLE}:{self._password()}@{HOST}:{port}/{DATABASE}"

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
        made_by = (self.directory.data / "PG_VERSION").read_text(encoding="utf-8").strip()
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


def _make_database(connection: "psycopg2.extensions.connection") -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {DATABASE}")
