"""Free ports of 127.0.0.1, the one used last time before others."""

import socket
from collections.abc import Iterator
from pathlib import Path

HOST = "127.0.0.1"
_ATTEMPTS = 5


def candidates(remembered: Path) -> Iterator[int]:
    """Ports to try in turn: another process may take one between our look and the server's."""
    if (port := _read(remembered)) is not None and _bound(port) is not None:
        yield port
    for _ in range(_ATTEMPTS):
        if port := _bound(0):
            yield port


def remember(port: int, where: Path) -> None:
    """The next start tries this port first."""
    where.write_text(f"{port}\n", encoding="utf-8")


def _read(remembered: Path) -> int | None:
    try:
        return int(remembered.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _bound(port: int) -> int | None:
    """The port that could be bound (0: any), None if it is taken."""
    with socket.socket() as probe:
        # As the servers do: connections that linger from the last run take no port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return None
        found: int = probe.getsockname()[1]
        return found
