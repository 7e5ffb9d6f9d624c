"""The log: who changed what, and when."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from console.auth import PageForViewers
from console.pages.layout import address, page_or_part
from dispatcher import Act, CallerError, Dispatcher

router = APIRouter(include_in_schema=False)

_PAGE = 50


@router.get("/log")
def log(
    request: Request,
    dispatcher: PageForViewers,
    campaign: Annotated[str, Query(max_length=100)] = "",
    by: Annotated[str, Query(max_length=200)] = "",
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> HTMLResponse:
    """The newest acts first, of one campaign or person where they are given."""
    asked = {"campaign": campaign.strip(), "by": by.strip()}
    some, refusal = _find(dispatcher, asked["campaign"], asked["by"], before)
    acts = some[:_PAGE]
    older = address("/log", **asked, before=str(acts[-1].id)) if len(some) > _PAGE else None
    return page_or_part(
        request,
        "log",
        at=address("/log", **asked),
        acts=acts,
        refusal=refusal,
        older=older,
        newest=address("/log", **asked) if before else None,
        asked=asked,
    )


def _find(
    dispatcher: Dispatcher, campaign: str, by: str, before: int | None
) -> tuple[tuple[Act, ...], str | None]:
    try:
        found = dispatcher.log(campaign or None, actor=by or None, before=before, limit=_PAGE + 1)
    except CallerError as error:
        return (), str(error)
    return found, None
