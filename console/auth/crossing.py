"""Whether a request comes from a page of ours: a stranger's sends its visitor's cookies, too."""

from http import HTTPStatus

from fastapi import Request
from starlette.exceptions import HTTPException

from console.auth.doors import Door

_SAFE = ("GET", "HEAD", "OPTIONS")
"""Of ours, these change nothing (RFC 9110, 9.2.1)."""


def check_origin(request: Request) -> None:
    """Raise HTTPException, 403, where what may change something comes from a page not ours.

    Browsers say so by Sec-Fetch-Site, which no page can set; those that do not say it there, as
    where there is no TLS, say the page's Origin.
    """
    if request.method in _SAFE:
        return
    door: Door = request.app.state.door
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        is_ours = site == "same-origin"
    else:
        host = request.headers.get("host", "")
        is_ours = origin is not None and door.is_own_origin(origin, host)
    if not is_ours:
        raise HTTPException(
            HTTPStatus.FORBIDDEN,
            "This was asked for by a page of another site, or by no page at all: nothing was "
            "changed. Open the console and do it there; programs use the HTTP API and a token.",
        )
