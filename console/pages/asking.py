"""Asking before something is done: on a page of its own, or in the dialog of the one shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from console.pages.layout import is_fragment, page


@dataclass(frozen=True, slots=True)
class Question:
    """Whether `action`, a place that takes a form, is to be done, and what that will do.

    `back` is where whoever says no stays. `word` is what has to be typed to say yes, where a slip
    cannot be made good; `typed` is what that is, for a person.
    """

    title: str
    told: tuple[str, ...]
    action: str
    button: str
    back: str
    typed: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


def asked(request: Request, question: Question, refusal: str | None = None) -> HTMLResponse:
    """The question, or once more with why it was not done."""
    return page(
        request,
        "question_form.html" if is_fragment(request) else "question.html",
        status=HTTPStatus.OK if refusal is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        question=question,
        refusal=refusal,
    )


def gone_to(request: Request, address: str) -> Response:
    """Lead the browser to a page, once what it asked for is done."""
    if is_fragment(request):
        return Response(status_code=HTTPStatus.OK, headers={"HX-Redirect": address})
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)
