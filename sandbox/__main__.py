"""`python -m sandbox`: serve until asked to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading

from aiohttp import web

from sandbox import options
from sandbox.control import Control
from sandbox.options import Options
from sandbox.server import ENDPOINT, Site
from sandbox.vendor import Vendor


def main() -> int:
    """Run the sandbox; the exit status is 0, or 1 where it cannot listen."""
    chosen = options.read()
    try:
        asyncio.run(_serve(chosen))
    except OSError as error:
        where = f"{chosen.host}:{chosen.port}"
        print(f"sandbox: cannot listen on {where}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


async def _serve(chosen: Options) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    if chosen.until_stdin_closes:
        _stop_with_stdin(stop)
    control = Control(Vendor(chosen.account, chosen.window), chosen.behaviour, chosen.seed)
    server = web.Server(
        Site(control).answer,
        # A handler ends with its client: that is how a hanging request learns that it may go.
        handler_cancellation=True,
        # The vendor documents no compressed bodies: one is malformed JSON.
        auto_decompress=False,
        access_log=None,
    )
    runner = web.ServerRunner(server, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, chosen.host, chosen.port, backlog=1024)
        await site.start()
        print(
            f"Push API sandbox: http://{_authority(chosen.host, site.port)}{ENDPOINT}", flush=True
        )
        await stop.wait()
    finally:
        await runner.cleanup()


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _stop_on_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


def _stop_with_stdin(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    # A thread, since the event loop cannot watch every kind of file; os.read, since a buffered
    # reader's lock would disturb the interpreter's end.
    def wait() -> None:
        while os.read(0, 4096):
            continue
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
