"""The pages' dependencies: the verbs, for whoever has signed in and has at least a role."""

import re
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from console.auth.crossing import check_origin
from console.auth.doors import Door
from console.auth.persons import Role, let_in
from dispatcher import Dispatcher, Session
from dispatcher.redaction import Secret

LONGEST_PLACE = 2_000
"""Characters of an address that somebody is sent back to, once they have signed in."""

_BROWSER = re.compile(r"[\w-]{43}", re.ASCII)


class Cookie:
    """The cookie that a session is in, and the one by which a browser is known again.

    It is `Lax`, so that a link to a campaign works that somebody sends: what changes something
    comes from our own pages only, see `check_origin`.
    """

    def __init__(self, door: Door) -> None:
        self._is_secure = door.has_tls
        self.name = "__Host-dispatcher" if door.has_tls else "dispatcher"
        self._browser = f"{self.name}-browser"

    def put(self, response: Response, session: Secret) -> None:
        """Let the browser have it."""
        self._put(response, self.name, session.reveal(), Session.LASTS, "lax")

    def browser_of(self, request: Request) -> str:
        """The secret of this browser, a new one where it has none."""
        given = request.cookies.get(self._browser, "")
        return given if _BROWSER.fullmatch(given) else token_urlsafe(32)

    def put_browser(self, response: Response, browser: str) -> None:
        """Let the browser be known again, which lets nobody in."""
        self._put(response, self._browser, browser, Session.KNOWN, "strict")

    def _put(
        self,
        response: Response,
        name: str,
        value: str,
        kept_for: timedelta,
        site: Literal["lax", "strict"],
    ) -> None:
        response.set_cookie(
            name,
            value,
            max_age=int(kept_for.total_seconds()),
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite=site,
        )

    def take_back(self, response: Response) -> None:
        """Let the browser forget it."""
        response.delete_cookie(
            self.name, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )

    def session_in(self, request: Request) -> Session | None:
        """The session that a request comes with, where that has not ended."""
        dispatcher: Dispatcher = request.app.state.dispatcher
        given = request.cookies.get(self.name)
        return None if given is None else dispatcher.session_of(given)


class NotSignedIn(Exception):
    """Whoever asks has no session (any more)."""


def _whoever_may(role: Role) -> Callable[..., Dispatcher]:
    def enter(request: Request) -> Dispatcher:
        check_origin(request)
        cookie: Cookie = request.app.state.cookie
        session = cookie.session_in(request)
        if session is None:
            raise NotSignedIn
        if not session.may(role):
            raise HTTPException(
                HTTPStatus.FORBIDDEN,
                f"{session.name} is a {session.role}, and this takes an {role}: ask one, or have "
                f"an admin run `dispatcher console user role {session.name} {role}`.",
            )
        return let_in(request, session)

    return enter


PageForViewers = Annotated[Dispatcher, Depends(_whoever_may("viewer"))]
PageForOperators = Annotated[Dispatcher, Depends(_whoever_may("operator"))]
PageForAdmins = Annotated[Dispatcher, Depends(_whoever_may("admin"))]


def send_to_sign_in(app: FastAPI) -> None:
    """Send whoever is not signed in to the page for it, and back again from there."""

    @app.exception_handler(NotSignedIn)
    async def _stranger(request: Request, _: NotSignedIn) -> Response:
        if "hx-request" in request.headers:
            shown = request.headers.get("hx-current-url", "")
            place = _sign_in_at(_path_in(shown) if shown else "/")
            return Response(None, HTTPStatus.UNAUTHORIZED, {"HX-Redirect": place})
        if request.method not in ("GET", "HEAD"):
            return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(_sign_in_at(f"{request.url.path}{query}"), HTTPStatus.SEE_OTHER)


def _sign_in_at(place: str) -> str:
    is_told = place != "/" and len(place) <= LONGEST_PLACE
    return f"/login?{urlencode({'next': place})}" if is_told else "/login"


def _path_in(url: str) -> str:
    """The place in an address of ours, without the server."""
    _, _, rest = url.partition("://")
    return f"/{rest.partition('/')[2]}"
