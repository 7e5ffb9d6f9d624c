"""Asking before something is done: on a page of its own, or in the dialog of the one shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from console.pages.layout import is_fragment, page


@dataclass(frozen=True, slots=True)
class Question:
    """Whether `action`, a place that takes a form, is to be done, and what that will do.

    `about` says what it is about, beside the title. `back` is where whoever says no stays, and
    `stay` what their button says; `is_grave` says that a slip cannot be made good. What has to be
    typed then is said by `typed`; another template has its `inputs`, where there are others.
    """

    title: str
    told: tuple[str, ...]
    action: str
    button: str
    back: str
    about: str = ""
    stay: str = "Leave it as it is"
    is_grave: bool = False
    typed: str | None = None
    inputs: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


def asked(
    request: Request, question: Question, refusal: str | None = None, **context: Any
) -> HTMLResponse:
    """The question, or once more with why it was not done; `context` is for its inputs."""
    return page(
        request,
        "question_form.html" if is_fragment(request) else "question.html",
        status=HTTPStatus.OK if refusal is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        question=question,
        refusal=refusal,
        **context,
    )


def gone_to(request: Request, address: str) -> Response:
    """Lead the browser to a page, once what it asked for is done."""
    if is_fragment(request):
        return Response(status_code=HTTPStatus.OK, headers={"HX-Redirect": address})
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)
