"""The server: one process on one address, until it is told to stop."""

import asyncio
import logging
import socket
import ssl
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from console.app import make_app
from console.auth import Door
from dispatcher import Dispatcher, SettingError, Settings
from dispatcher.diagnostics import RedactedLines, redact_tracebacks
from dispatcher.redaction import remember

_PATIENCE = 10
"""Seconds that requests have to end in, once the program is told to stop."""


def serve(settings: Settings, door: Door) -> None:
    """Answer there until SIGINT or SIGTERM.

    Raises SettingError where nobody can listen there, or should not: what others reach wants users,
    and TLS or a proxy that has it. Raises DatabaseUnavailable and SchemaMismatch: what cannot be
    worked with is not served, though a console that runs waits for a database that goes away.
    """
    redact_tracebacks()
    remember(door.key)
    lines = logging.StreamHandler()
    lines.setFormatter(RedactedLines("%(levelname)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[lines])
    _check_certificate(door)
    app = make_app(settings, door)
    app.state.dispatcher.check_schema()
    has_users = _has_users(app.state.dispatcher, door)
    app.state.uploads.sweep()
    with _listening(door.host, door.port) as listening:
        _tell(door, listening.getsockname()[1], has_users)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=door.behind_proxy,
            forwarded_allow_ips=list(door.proxies),
            ssl_certfile=door.certificate,
            ssl_keyfile=door.certificate_key,
            timeout_graceful_shutdown=_PATIENCE,
        )
        _Server(config, app).run(sockets=[listening])


def _check_certificate(door: Door) -> None:
    if door.certificate is None or door.certificate_key is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(door.certificate, door.certificate_key, password="")
    except (OSError, ssl.SSLError) as error:
        why = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingError(
            f"--tls-cert, --tls-key: {door.certificate} and {door.certificate_key} cannot be used: "
            f"{why or 'nothing more is known'}. Give a chain of certificates and its key, both PEM "
            "files, the key without a password."
        ) from error


def _has_users(dispatcher: Dispatcher, door: Door) -> bool:
    """Whether there are. Raises SettingError where others reach the program, and there are none."""
    has_users = bool(dispatcher.users())
    if not has_users and not door.is_for_this_machine:
        raise SettingError(
            "--host, --behind-proxy: others would reach the console, and it has no users yet: "
            "`dispatcher console user add NAME --role admin` adds the first."
        )
    return has_users


def _tell(door: Door, port: int, has_users: bool) -> None:
    host = f"[{door.host}]" if ":" in door.host else door.host
    here = f"{'http' if door.certificate is None else 'https'}://{host}:{port}"
    _say(f"The console is at {door.public_url or here}/, the HTTP API at {here}/api/v1.")
    if door.is_for_this_machine and not has_users:
        _say(
            f"Sign in by {here}/login?key={door.key}\n"
            "That works from this machine, while the program runs, until there are users: "
            "`dispatcher console user add NAME --role admin`."
        )


class _Server(uvicorn.Server):
    """Streams would go on for ever: they end first."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._app.state.broadcast.end)
        super().handle_exit(sig, frame)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2_048)
    except OSError as error:
        raise SettingError(
            f"--port, --host: nobody can listen at {host}:{port}: {_why(error)}. Give another "
            "port, each program on a machine its own."
        ) from error


def _why(error: OSError) -> str:
    """Without the address, which the standard library adds."""
    return (error.strerror or "").partition(" (while")[0]


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
