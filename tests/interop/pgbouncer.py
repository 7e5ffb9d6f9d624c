"""A PgBouncer in front of a PostgreSQL, which tests may stop, start again and reconfigure."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from sqlalchemy.engine import make_url

from tests.certificates import Certificate
from tests.faults import keeper
from tests.interop.debian import installed
from tests.on_ports import HOST, free_port
from tests.waiting import eventually

_ACCOUNT = "nobody"
"""PgBouncer does not run as root."""


class PgBouncer:
    """One PgBouncer on a port that stays its own, for all databases of a server.

    `options` are lines of its configuration, as in `max_client_conn="3"`; `certificate` is what it
    shows to clients.
    """

    def __init__(
        self,
        directory: Path,
        server_url: str,
        pool_mode: str,
        certificate: Certificate | None = None,
        **options: str,
    ) -> None:
        self._directory = directory
        self._server = make_url(server_url)
        self.port = free_port()
        self._processes = ExitStack()
        self._options = {
            "listen_addr": HOST,
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(directory / "users.txt"),
            "pool_mode": pool_mode,
            "default_pool_size": "30",
            "max_client_conn": "100",
            # Who has to wait for a connection is told so soon; PostgreSQL may be restarted.
            "query_wait_timeout": "20",
            "server_login_retry": "0.2",
            **options,
        }
        self._process = 0
        if certificate:
            for kind, file in (("cert", certificate.path), ("key", certificate.key)):
                self._write(f"{kind}.pem", file.read_text(encoding="utf-8"), mode=0o600)
                self._options[f"client_tls_{kind}_file"] = str(directory / f"{kind}.pem")

    def url(self, database_url: str) -> str:
        """Where one of the server's databases is reached through it."""
        url = make_url(database_url).set(host=HOST, port=self.port)
        return url.render_as_string(hide_password=False)

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        self._write(
            "users.txt", f'"{self._server.username}" "{self._server.password}"\n', mode=0o600
        )
        lines = [
            "[databases]",
            f"* = host={self._server.host} port={self._server.port}",
            "[pgbouncer]",
            *(f"{name} = {value}" for name, value in self._options.items()),
        ]
        self._write("pgbouncer.ini", "\n".join(lines) + "\n")
        command = [str(installed("pgbouncer")), str(self._directory / "pgbouncer.ini")]
        if os.geteuid() == 0:
            account = (f"--reuid={_ACCOUNT}", "--regid=nogroup", "--clear-groups")
            command = ["setpriv", *account, *command]
        self._process = self._processes.enter_context(_kept(command, self._directory / "log"))
        eventually(self._listens, within=20)

    def stop(self) -> None:
        """End at once: whoever is connected is cut off."""
        os.kill(self._process, signal.SIGTERM)
        process = psutil.Process(self._process)
        eventually(lambda: process.status() == psutil.STATUS_ZOMBIE, within=20)

    def restart(self) -> None:
        """Gone, and back where it was."""
        self.stop()
        self.start()

    def end(self) -> None:
        """It and its keeper."""
        self._processes.close()

    def _listens(self) -> bool:
        process = psutil.Process(self._process)
        assert process.status() != psutil.STATUS_ZOMBIE, (self._directory / "log").read_text()
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == self.port
            for connection in process.net_connections("tcp")
        )

    def _write(self, name: str, words: str, mode: int = 0o644) -> None:
        path = self._directory / name
        path.write_text(words, encoding="utf-8")
        path.chmod(mode)
        if os.geteuid() == 0:
            shutil.chown(path, _ACCOUNT)


@contextmanager
def running_pgbouncer(
    server_url: str, pool_mode: str, certificate: Certificate | None = None, **options: str
) -> Iterator[PgBouncer]:
    """A PgBouncer in front of this server, for as long as the block runs."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        pooler = PgBouncer(Path(directory), server_url, pool_mode, certificate, **options)
        try:
            pooler.start()
            yield pooler
        finally:
            pooler.end()


@contextmanager
def _kept(command: list[str], log: Path) -> Iterator[int]:
    """A process, by its id, which lives at most as long as this one."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, keeper.__file__, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
        )
    with process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
