"""Signing in and out, and one's own sessions."""

import re
from hmac import compare_digest
from http import HTTPStatus

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from console.auth import LONGEST_PLACE, Cookie, Door, PageForViewers, check_origin, person_of
from console.pages.forms import Fields
from console.pages.layout import page
from console.turns import Turns
from dispatcher import Dispatcher, Session, SignInDelayed, SignInRefused

router = APIRouter(include_in_schema=False)

_PLACE = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""A place of ours, as an address has it: what a browser takes for no other server."""


@router.get("/login")
def login(request: Request, next: str = "/", key: str = "") -> Response:
    """The form to sign in by, or the way in for whoever has the key that the program printed."""
    cookie: Cookie = request.app.state.cookie
    if cookie.session_in(request) is not None:
        return _gone_to(own_place(next))
    if key:
        return _by_key(request, key)
    return _form(request, next)


def _by_key(request: Request, key: str) -> Response:
    door: Door = request.app.state.door
    dispatcher: Dispatcher = request.app.state.dispatcher
    if not door.is_for_this_machine or not compare_digest(key.encode(), door.key.encode()):
        words = "This key opens nothing (any more): the program prints one whenever it starts."
        return _form(request, "/", words, HTTPStatus.FORBIDDEN)
    try:
        session = dispatcher.sign_in_first(door.key_age)
    except SignInRefused as error:
        return _form(request, "/", str(error), HTTPStatus.FORBIDDEN)
    answer = _gone_to("/")
    request.app.state.cookie.put(answer, session)
    return answer


@router.post("/login", dependencies=[Depends(check_origin)])
async def sign_in(request: Request, form: Fields) -> Response:
    """A session for who knows the password of a user."""
    dispatcher: Dispatcher = request.app.state.dispatcher
    name, place = form.get("name", ""), form.get("next", "/")
    address = "" if request.client is None else request.client.host
    turns: Turns = request.app.state.turns
    cookie: Cookie = request.app.state.cookie
    browser = cookie.browser_of(request)
    try:
        async with turns.signing_in.taken():
            session = await run_in_threadpool(
                dispatcher.sign_in, name, form.get("password", ""), address, browser
            )
    except SignInDelayed as error:
        answer = _form(request, place, str(error), HTTPStatus.TOO_MANY_REQUESTS, name)
        answer.headers["Retry-After"] = str(int(error.wait.total_seconds()) + 1)
        return answer
    except SignInRefused as error:
        return _form(request, place, str(error), HTTPStatus.FORBIDDEN, name)
    gone = _gone_to(own_place(place))
    cookie.put(gone, session)
    cookie.put_browser(gone, browser)
    return gone


@router.get("/session")
def session(request: Request, dispatcher: PageForViewers) -> HTMLResponse:
    """Who one is, what one may do, and how often one is signed in."""
    session = person_of(request).proof
    assert isinstance(session, Session)
    own = [each for each in dispatcher.sessions() if (each.user, each.name) == _of(session)]
    return page(request, "session.html", session=session, own=own)


@router.post("/logout")
def logout(request: Request, dispatcher: PageForViewers, form: Fields) -> Response:
    """End this session, or all of one's own, `everywhere`."""
    session = person_of(request).proof
    assert isinstance(session, Session)
    dispatcher.sign_out(session, everywhere="everywhere" in form)
    answer = _gone_to("/login")
    request.app.state.cookie.take_back(answer)
    return answer


def _of(session: Session) -> tuple[str | None, str]:
    return session.user, session.name


def _form(
    request: Request,
    place: str,
    refused: str | None = None,
    status: int = HTTPStatus.OK,
    name: str = "",
) -> HTMLResponse:
    door: Door = request.app.state.door
    dispatcher: Dispatcher = request.app.state.dispatcher
    is_for_first = door.is_for_this_machine and not dispatcher.users()
    return page(
        request,
        "login.html",
        status=status,
        place=own_place(place),
        name=name[:100],
        refused=refused,
        is_for_first=is_for_first,
    )


def own_place(place: str) -> str:
    """The place, where it is one of ours that does not lead here again."""
    is_ours = (
        len(place) <= LONGEST_PLACE
        and _PLACE.fullmatch(place)
        and not place.startswith(("/login", "/logout"))
    )
    return place if is_ours else "/"


def _gone_to(place: str) -> RedirectResponse:
    return RedirectResponse(place, HTTPStatus.SEE_OTHER)
