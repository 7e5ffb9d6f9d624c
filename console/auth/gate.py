"""The first thing that meets a request: it has to be meant for us, and by TLS for good."""

from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.auth.doors import Door
from console.problems import PREFIX, Problem

_FOR_ANYBODY = frozenset({"/healthz", "/readyz", f"{PREFIX}/healthz", f"{PREFIX}/readyz"})
"""Whoever looks after the program asks by the address that it happens to have."""
_A_YEAR = "max-age=31536000"


class Gate:
    """Answers nothing that was meant for another host, and has browsers stay with TLS."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        if scope["path"] not in _FOR_ANYBODY and not self._door.knows_host(host):
            await _not_ours(scope, receive, send)
            return
        await self._app(scope, receive, self._strict(send) if self._door.has_tls else send)

    def _strict(self, send: Send) -> Send:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Strict-Transport-Security"] = _A_YEAR
            await send(message)

        return told


_not_ours = Problem(
    HTTPStatus.MISDIRECTED_REQUEST,
    "Misdirected request",
    "The console is not at this address: open the one that `dispatcher console` printed, or start "
    "it with --public-url and the one that browsers know.",
)
