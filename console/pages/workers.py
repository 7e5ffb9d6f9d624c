"""The workers: who is there to send, and who hears nothing."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from console.auth import PageForViewers
from console.pages.layout import page_or_part

router = APIRouter(include_in_schema=False)


@router.get("/workers")
def workers(request: Request, dispatcher: PageForViewers) -> HTMLResponse:
    """The workers that told of themselves within the last hour."""
    return page_or_part(
        request,
        "workers",
        workers=dispatcher.workers(),
        flower_url=request.app.state.flower_url,
    )
