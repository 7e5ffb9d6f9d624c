"""The API's dependencies: the verbs, for whoever has a token of at least a role."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from console.auth.persons import Role, let_in
from dispatcher import Dispatcher

_SCHEME = HTTPBearer(
    auto_error=False, description="A token, as `dispatcher console token add` prints it."
)


def _whoever_may(role: Role) -> Callable[..., Dispatcher]:
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
        return let_in(request, token)

    return enter


ForViewers = Annotated[Dispatcher, Depends(_whoever_may("viewer"))]
ForAdmins = Annotated[Dispatcher, Depends(_whoever_may("admin"))]
ForOperators = Annotated[Dispatcher, Depends(_whoever_may("operator"))]
