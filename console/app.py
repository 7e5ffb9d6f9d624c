"""The application: routes, problems, limits, and the description of it all."""

from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from console import examples, problems
from console.api import open_router, router
from console.auth import Cookie, Door, Gate, send_to_sign_in
from console.events import Broadcast
from console.heads import Heads
from console.once import Once
from console.others import others
from console.pages.all import ROUTERS
from console.pages.assets import Assets
from console.pages.errors import shown
from console.pages.layout import templates
from console.pages.recent import Recent
from console.pages.security import SecurityHeaders
from console.problems import BODY_TOO_LARGE, LARGEST_BODY, PREFIX
from console.turns import Turns
from console.uploads import Uploads
from dispatcher import Dispatcher, Settings


def make_app(settings: Settings, door: Door) -> FastAPI:
    """The application, on the books of these settings; nothing is connected before a request."""
    app = FastAPI(
        title="Push campaign dispatcher",
        version="1",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.dispatcher = Dispatcher(settings)
    app.state.door = door
    app.state.cookie = Cookie(door)
    app.state.home = settings.home
    app.state.flower_url = settings.flower_url
    app.state.uploads = Uploads(settings.home)
    app.state.turns = Turns()
    app.state.tests = Once()
    app.state.broadcast = Broadcast(app.state.dispatcher)
    app.state.assets = Assets()
    app.state.recent = Recent()
    app.state.templates = templates(app.state.assets)
    app.add_middleware(_Limited)
    app.add_middleware(Gate, door=door)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Heads)
    app.include_router(router)
    app.include_router(others)
    app.include_router(open_router)
    for pages in ROUTERS:
        app.include_router(pages)
    problems.tell_problems(app, shown)
    send_to_sign_in(app)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with our problems in the place of the framework's errors."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            routes=app.routes,
            description="The verbs of the dispatcher, for whoever has a token.",
        )
        schemas = document["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas["Problem"] = problems.SCHEMA
        examples.show(document["paths"])
        app.openapi_schema = document
    return app.openapi_schema


UPLOADED_TO = (f"{PREFIX}/uploads/", "/campaigns/new/uploads/")
"""Where bodies go to the disk."""


class _Limited:
    """Bodies that are held in memory have a limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(UPLOADED_TO):
            receive = _limited(receive)
        await self._app(scope, receive, send)


def _limited(receive: Receive) -> Receive:
    taken = 0

    async def some() -> MutableMapping[str, Any]:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST_BODY:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, BODY_TOO_LARGE)
        return message

    return some
