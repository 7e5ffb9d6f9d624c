"""HEAD: the headers of what GET answers, at whatever answers it (RFC 9110, 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """Answers HEAD as GET, without the body, of which no more is made than its beginning."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def headers_alone(message: Message) -> None:
            if message["type"] == "http.response.body":
                raise _BodyBegins
            await send(message)

        try:
            await self._app({**scope, "method": "GET"}, receive, headers_alone)
        except* _BodyBegins:
            await send({"type": "http.response.body"})


class _BodyBegins(Exception):
    """All that HEAD asks for is told."""
