"""How a page is rendered: its template, in the frame that all have, for whoever asks."""

import gzip
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from console.pages import books, consequences, words
from console.pages.assets import Assets

NAVIGATION = (
    ("/", "Campaigns"),
    ("/people", "People"),
    ("/accounts", "Accounts"),
    ("/workers", "Workers"),
    ("/log", "Log"),
    ("/webhooks", "Webhooks"),
)
"""The pages that every page leads to: their addresses and names."""

_WORTH_PACKING = 1_400
"""Bytes that fit into a packet anyway."""


def templates(assets: Assets) -> Environment:
    """The templates, which escape what they print and know no name that they were not given."""
    environment = Environment(
        loader=PackageLoader("console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=words.number,
        percent=words.percent,
        duration=words.duration,
        brief=words.brief,
        moment=words.moment,
        sentence=words.sentence,
    )
    environment.globals.update(
        asset=assets.url,
        books=books,
        consequences=consequences,
        counted=words.counted,
        is_below=is_below,
        navigation=NAVIGATION,
        NONE=words.NONE,
    )
    return environment


def fragment(request: Request, template: str, **context: Any) -> str:
    """What a template makes of this alone, the same for all who look.

    Half of a surrogate pair, which JSON may hold and UTF-8 may not, is a question mark there.
    """
    known: Environment = request.app.state.templates
    text = known.get_template(template).render(**context)
    return text.encode(errors="replace").decode()


def render(request: Request, template: str, **context: Any) -> str:
    """The template's text for whoever asks; `person` is None where nobody is known yet."""
    person = getattr(request.state, "person", None)
    return fragment(request, template, person=person, path=request.url.path, **context)


def page(
    request: Request,
    template: str,
    *,
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> HTMLResponse:
    """The page, or the fragment of one, that a template makes of this; packed where that pays."""
    body = render(request, template, status=status, **context).encode()
    told = {**(headers or {}), "Vary": "Accept-Encoding, HX-Request"}
    if len(body) > _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 5)
        told["Content-Encoding"] = "gzip"
    return HTMLResponse(body, status, told)


def page_or_part(request: Request, name: str, *, at: str = "", **context: Any) -> HTMLResponse:
    """The page of this name, or what is found on it, where a script asks for that alone.

    `at` is the address that the browser is to show for the part, if another than it has.
    """
    if not is_fragment(request):
        return page(request, f"{name}.html", **context)
    return page(
        request, f"{name}_found.html", headers={"HX-Replace-Url": at} if at else {}, **context
    )


def address(place: str, **said: str) -> str:
    """Where this is asked at that place; what is empty is not in it."""
    given = {name: value for name, value in said.items() if value}
    return f"{place}?{urlencode(given)}" if given else place


def is_fragment(request: Request) -> bool:
    """Whether a part of the page is asked for, by a script that puts it there."""
    return request.headers.get("hx-request-type") == "partial"


def is_below(path: str, address: str) -> bool:
    """Whether the page at `path` is that of an entry of the navigation, or belongs to it."""
    campaigns = address == "/" and path.startswith("/campaigns")
    return path == address or path.startswith(f"{address}/") or campaigns
