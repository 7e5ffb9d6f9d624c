"""Who asks: every route but the open ones wants a token, and a role that may do what it does."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from dispatcher import Actor, Dispatcher, Token

_SCHEME = HTTPBearer(
    auto_error=False, description="A token, as `dispatcher console token add` prints it."
)


def _whoever_may(role: Literal["viewer", "operator", "admin"]) -> Callable[..., Dispatcher]:
    """A dependency: the verbs, for whoever has a token of at least this role."""

    def enter(
        request: Request,
        given: Annotated[HTTPAuthorizationCredentials | None, Security(_SCHEME)],
    ) -> Dispatcher:
        dispatcher: Dispatcher = request.app.state.dispatcher
        token = None if given is None else dispatcher.authenticate(given.credentials)
        if token is None:
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                "Give a token that is valid, as `Authorization: Bearer TOKEN`; `dispatcher console "
                "token add` makes one.",
                {"WWW-Authenticate": "Bearer"},
            )
        if not token.may(role):
            raise HTTPException(
                HTTPStatus.FORBIDDEN,
                f"The token of {token.name} is a {token.role}'s, and this takes that of an {role}.",
            )
        request.state.token = token
        return dispatcher.acting_as(Actor(token.name, "api"))

    return enter


def token_of(request: Request) -> Token:
    """Whose token let this request in."""
    token: Token = request.state.token
    return token


ForViewers = Annotated[Dispatcher, Depends(_whoever_may("viewer"))]
ForAdmins = Annotated[Dispatcher, Depends(_whoever_may("admin"))]
ForOperators = Annotated[Dispatcher, Depends(_whoever_may("operator"))]
