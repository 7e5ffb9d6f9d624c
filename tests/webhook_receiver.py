"""A receiver of webhooks, which verifies them by a library of somebody else's."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class WebhookReceiver:
    """Listens on a port of its own, which stays its own while it is down.

    `events` are those whose signatures were right, in the order in which they came; `ids` are their
    `webhook-id`s. It answers `status`.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.refused = 0
        self.status = 200
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.up()
        self._port = self._listening().server_port

    @property
    def url(self) -> str:
        """Where it is told."""
        return f"http://127.0.0.1:{self._port}/hook?of=campaigns"

    @property
    def told(self) -> list[tuple[int, str]]:
        """The numbers and types of what it was told."""
        return [(event["data"]["sequence"], event["type"]) for event in self.events]

    def up(self) -> None:
        """Answer from here on."""
        server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler_of(self))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self._server = server

    def down(self) -> None:
        """Refuse every connection from here on."""
        server = self._listening()
        server.shutdown()
        server.server_close()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """What is answered to this request."""
        if self.status != 200:
            self.refused += 1
            return self.status
        event = Webhook(SECRET).verify(body, headers)
        self.ids.append(headers["webhook-id"])
        self.events.append(event)
        return 200

    def _listening(self) -> ThreadingHTTPServer:
        assert self._server is not None
        return self._server


def _handler_of(receiver: WebhookReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(receiver.take(dict(self.headers.items()), body))
            self.send_header("Location", receiver.url)
            self.end_headers()

        def log_message(self, format: str, *_: Any) -> None:
            """Quietly."""

    return Handler


@contextmanager
def receiving() -> Iterator[WebhookReceiver]:
    """A receiver that is up."""
    receiver = WebhookReceiver()
    try:
        yield receiver
    finally:
        receiver.down()
