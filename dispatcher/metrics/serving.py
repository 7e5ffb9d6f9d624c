"""Where metrics are served: plain HTTP, to whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dispatcher.errors import SettingError
from dispatcher.extras import require_metrics
from dispatcher.settings import Listening

if TYPE_CHECKING:
    from prometheus_client.registry import Collector


def serve(metrics: Collector, at: Listening, option: str) -> str:
    """Answer from a thread of its own, as long as this process lives; the URL.

    `option` names what the place was told by. Raises SettingError where nobody can listen there.
    """
    require_metrics()
    from prometheus_client import start_http_server

    try:
        server, _ = start_http_server(at.port, at.host, metrics)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "no host is called so"
        raise SettingError(
            f"{option}: nobody can listen at {at}: {why}. Give another port, each program on a "
            "machine its own, and an address of this machine."
        ) from error
    return f"http://{Listening(at.host, server.server_port)}/metrics"
