"""The server: one process on one address, until it is told to stop."""

import asyncio
import logging
import socket
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from console.app import make_app
from console.auth import Door
from dispatcher import SettingError, Settings
from dispatcher.diagnostics import RedactedLines, redact_tracebacks

_LOCAL = ("127.", "::1", "localhost")
_PATIENCE = 10
"""Seconds that requests have to end in, once the program is told to stop."""


def serve(settings: Settings, host: str, port: int) -> None:
    """Answer there until SIGINT or SIGTERM. Raises SettingError where nobody can listen there."""
    redact_tracebacks()
    lines = logging.StreamHandler()
    lines.setFormatter(RedactedLines("%(levelname)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[lines])
    app = make_app(settings, Door(host, port))
    app.state.uploads.sweep()
    with _listening(host, port) as listening:
        place = f"[{host}]" if ":" in host else host
        _say(f"The HTTP API is at http://{place}:{listening.getsockname()[1]}/api/v1.")
        if not host.startswith(_LOCAL):
            _say(
                "Warning: it is plain HTTP, and its tokens can be read on their way: let others "
                "reach it through a proxy that has TLS only."
            )
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_PATIENCE,
        )
        _Server(config, app).run(sockets=[listening])


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
