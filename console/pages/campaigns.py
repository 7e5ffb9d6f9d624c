"""The list of campaigns."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from console.auth import ForViewers
from console.pages.layout import page

router = APIRouter(include_in_schema=False)


@router.get("/")
def campaigns(request: Request, dispatcher: ForViewers) -> HTMLResponse:
    """The newest campaigns first."""
    return page(request, "campaigns.html", campaigns=dispatcher.list())
