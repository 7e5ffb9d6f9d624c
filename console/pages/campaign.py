"""A campaign's page, and the parts of it that are asked for one by one."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from console.auth import PageForOperators, PageForViewers
from console.pages.consequences import ACTS
from console.pages.layout import page, page_or_part
from console.pages.notifications import previews, unshown
from console.turns import Looking, Verifying

router = APIRouter(prefix="/campaigns/{campaign}", include_in_schema=False)


@router.get("")
def campaign(
    request: Request,
    dispatcher: PageForViewers,
    _: Looking,
    campaign: str,
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The campaign as it stands; what a form has just `done` is said above."""
    found = dispatcher.show(campaign)
    if campaign != found.id:
        return RedirectResponse(f"/campaigns/{found.id}", 303)
    message = dispatcher.message_of(found.id)
    return page(
        request,
        "campaign.html",
        campaign=found,
        previews=previews(message),
        unshown=unshown(message),
        curve=dispatcher.throughput(found.id),
        done=ACTS[done].done if done in ACTS else None,
    )


@router.get("/timeline")
def timeline(
    request: Request, dispatcher: PageForViewers, _: Looking, campaign: str
) -> HTMLResponse:
    """What happened to it, what it waits for, and what can be done."""
    found = dispatcher.explain(campaign)
    return page_or_part(request, "timeline", campaign=dispatcher.show(campaign), explained=found)


@router.get("/verify")
def verify(
    request: Request, dispatcher: PageForViewers, _: Verifying, campaign: str
) -> HTMLResponse:
    """Whether its books are sound, checked now."""
    found = dispatcher.verify(campaign)
    return page_or_part(request, "verify", campaign=dispatcher.show(campaign), verdict=found)


@router.get("/failures.{form}")
def failures(
    dispatcher: PageForOperators, campaign: str, form: Literal["csv", "jsonl"]
) -> StreamingResponse:
    """The members who were not delivered to, as a file: as long a list as it takes."""
    found = dispatcher.show(campaign)
    lines = dispatcher.failure_lines(found.id, form)
    name = f"failures-{found.id[:8]}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type=_MEDIA_TYPES[form], headers=headers)


_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
