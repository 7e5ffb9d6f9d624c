"""Problems as a person at a browser reads them: the same sentences, on a page of their own."""

from http import HTTPStatus

from fastapi import Request
from fastapi.responses import Response

from console.keys import BEING_MADE
from console.pages.layout import is_fragment, page
from console.pages.security import HEADERS
from console.problems import BODY_TOO_LARGE, PREFIX, SAID, Problem

_TO_PEOPLE = {
    SAID["Not Found"]: "There is no page at this address.",
    SAID["Method Not Allowed"]: "This address takes no such request: go back, and try again.",
    BEING_MADE: "This campaign is being made already: look at the list in a moment.",
    BODY_TOO_LARGE: "This is too much for a form: upload the members as a file.",
}
"""What is said otherwise to people than to programs."""


def shown(request: Request, problem: Problem) -> Response:
    """The problem as a page where a browser asks for one, as it is otherwise."""
    if not _wants_page(request):
        return problem
    status = problem.status_code
    kept = {name: value for name, value in problem.headers.items() if name in _KEPT}
    return page(
        request,
        "problem.html" if is_fragment(request) else "error.html",
        status=status,
        headers={**HEADERS, **kept},  # no middleware adds them to a surprise's
        kind=problem.kind,
        detail=_TO_PEOPLE.get(problem.detail, problem.detail),
        can_retry=status == HTTPStatus.SERVICE_UNAVAILABLE,
    )


_KEPT = ("allow", "retry-after", "www-authenticate", "set-cookie", "location", "hx-redirect")


def _wants_page(request: Request) -> bool:
    if request.url.path.startswith(f"{PREFIX}/"):
        return False
    return "text/html" in request.headers.get("accept", "") or "hx-request" in request.headers
