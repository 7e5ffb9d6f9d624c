"""Problems, as RFC 9457 has them: the sentence that the command line says, and what kind it is."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from dispatcher import (
    AccountNotFound,
    AmbiguousCampaign,
    CallerError,
    CampaignNotFound,
    DispatcherError,
    ImpossibleInState,
    ServiceError,
    SettingError,
)

PREFIX = "/api/v1"
MEDIA_TYPE = "application/problem+json"

log = logging.getLogger("console.problems")

_STATUSES: Sequence[tuple[type[DispatcherError], HTTPStatus]] = (
    (CampaignNotFound, HTTPStatus.NOT_FOUND),
    (AccountNotFound, HTTPStatus.NOT_FOUND),
    (AmbiguousCampaign, HTTPStatus.CONFLICT),
    (ImpossibleInState, HTTPStatus.CONFLICT),
    (SettingError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (CallerError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ServiceError, HTTPStatus.SERVICE_UNAVAILABLE),
    (DispatcherError, HTTPStatus.INTERNAL_SERVER_ERROR),
)
"""The first that fits counts."""

_RETRY_AFTER = {"Retry-After": "5"}
_OUT_OF_ORDER = "The console cannot be used right now: try again in a moment. Its log says more."
_LONGEST_NAME = 100
_MOST_TOLD = 10

SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "What kind of problem it is; stays as it is."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence: where, what, what to do."},
        "errors": {
            "type": "array",
            "description": "Where a request is wrong in several places, the first of them.",
            "items": {"type": "string"},
        },
    },
    "example": {
        "type": "urn:dispatcher:campaign-not-found",
        "title": "Campaign not found",
        "status": 404,
        "detail": "No campaign has the id 3f2a: see `dispatcher list`.",
    },
}


_TOLD = {
    400: "It is not HTTP and JSON that can be read.",
    401: "The token is missing, or nobody's.",
    403: "The token's role may not do this.",
    404: "There is no such thing.",
    409: "Not now: the sentence says what is in the way.",
    413: "The body is too large.",
    422: "Something in it is wrong: the sentence says where.",
    500: "Something on our side is wrong.",
    503: "Something we need is out of reach; nothing was changed.",
    507: "The disk is full; nothing of the upload was kept.",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": words,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, words in _TOLD.items()
}
"""The answers that every route may give, for the description."""


class Problem(JSONResponse):
    """The answer that tells a problem; `kind` is its name in words, as "Campaign not found"."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[str] = (),
    ) -> None:
        self.kind, self.detail = kind, detail
        content: dict[str, Any] = {
            "type": f"urn:dispatcher:{kind.lower().replace(' ', '-')}",
            "title": kind,
            "status": status,
            "detail": detail,
        }
        if len(errors) > 1:
            content["errors"] = list(errors[:_MOST_TOLD])
        super().__init__(content, status, dict(headers or {}), MEDIA_TYPE)


def of_error(error: DispatcherError, *, is_known: bool = True) -> Problem:
    """The problem that one of the library's errors is.

    Whoever is not known is not told what is wrong with us, nor where our servers are: the log is.
    """
    status = next(status for kind, status in _STATUSES if isinstance(error, kind))
    headers = _RETRY_AFTER if isinstance(error, ServiceError) else None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not is_known:
        log.warning("%s", error)
        return Problem(status, status.phrase.capitalize(), _OUT_OF_ORDER, headers)
    named = re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__).capitalize()
    return Problem(status, named, str(error), headers)


def surprise() -> Problem:
    """The problem that an error is which nobody foresaw."""
    detail = "This should not have happened: the program's log says more."
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error", detail)


Shown = Callable[[Request, Problem], Response]
"""What shows a problem to whoever asked."""


def tell_problems(app: FastAPI, shown: Shown) -> None:
    """Have every error of the application answered by a problem, as it is `shown`."""

    @app.exception_handler(DispatcherError)
    async def _ours(request: Request, error: DispatcherError) -> Response:
        is_known = getattr(request.state, "person", None) is not None
        return shown(request, of_error(error, is_known=is_known))

    @app.exception_handler(HTTPException)
    async def _of_http(request: Request, error: HTTPException) -> Response:
        phrase = HTTPStatus(error.status_code).phrase.capitalize()
        detail = SAID.get(error.detail, error.detail)
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = ", ".join(_methods_at(app, request))
        return shown(request, Problem(error.status_code, phrase, detail, headers))

    @app.exception_handler(RequestValidationError)
    async def _of_request(request: Request, error: RequestValidationError) -> Response:
        errors = error.errors()
        told = [sentence(each) for each in errors]
        is_json = all(each["type"] != "json_invalid" for each in errors)
        status = HTTPStatus.UNPROCESSABLE_ENTITY if is_json else HTTPStatus.BAD_REQUEST
        return shown(request, Problem(status, "Invalid request", told[0], errors=told))

    @app.exception_handler(Exception)
    async def _surprise(request: Request, _: Exception) -> Response:
        return shown(request, surprise())


def _methods_at(app: FastAPI, request: Request) -> list[str]:
    """What can be done there: the framework tells of the first route only."""
    found = (route for route in app.routes if route.matches(request.scope)[0] != Match.NONE)
    named = {method for route in found for method in getattr(route, "methods", None) or ()}
    return sorted(named | {"HEAD"} if "GET" in named else named)


SAID = {
    "Not Found": "There is nothing at this address: /api/v1/openapi.json has those there are.",
    "Method Not Allowed": "This method does nothing here: /api/v1/openapi.json has those that do.",
    "There was an error parsing the body": "The body is not JSON that can be read.",
}
"""What the framework says, as we do."""

LARGEST_BODY = 2_000_000
"""Bytes of a request's body, uploads aside: those go to the disk as they come."""
BODY_TOO_LARGE = (
    f"The body has more than {LARGEST_BODY:,} bytes: upload the members as a file "
    "(PUT /api/v1/uploads/NAME), and name the upload."
)


def sentence(error: Mapping[str, Any]) -> str:
    """Where it is wrong, and how; what stands there is not quoted, as it may name a member."""
    where, *path = error["loc"]
    place = _place(path) or f"the {where}"
    match error["type"]:
        case "json_invalid":
            return f"The body is not JSON: {error['ctx']['error']}."
        case "missing" if not path:
            return f"The {where} is missing."
        case "missing":
            return f"{place} is missing."
        case "model_attributes_type" if not path:
            return f"The {where} is no object of JSON: send one, as application/json."
        case "extra_forbidden":
            return f"There is no {place}: /api/v1/openapi.json has what there is."
        case "value_error":
            return f"{place}: {error['ctx']['error']}."
        case _:
            message: str = error["msg"]
            return f"{place}: {message[:1].lower()}{message[1:]}."


def _place(path: Sequence[str | int]) -> str:
    """As `members[3].userId`."""
    place = ""
    for step in path:
        if isinstance(step, int):
            place += f"[{step}]"
        else:
            name = step[:_LONGEST_NAME]
            place += ("." if place else "") + (name if name.isprintable() else repr(name))
    return place
