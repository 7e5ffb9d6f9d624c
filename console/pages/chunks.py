"""A campaign's single chunks, a page at a time, and the attempts at one, opened below it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse

from console.auth import PageForViewers
from console.orders import LISTED_CHUNKS
from console.pages.layout import address, page_or_part
from console.turns import Looking
from dispatcher import CallerError, Chunk, Dispatcher

router = APIRouter(prefix="/campaigns/{campaign}/chunks", include_in_schema=False)

_PAGE = 50


@router.get("")
def chunks(
    request: Request,
    dispatcher: PageForViewers,
    _: Looking,
    campaign: str,
    state: str = "",
    first: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    """The chunks from number `first` on; only those in one state, where it is asked for."""
    asked = dispatcher.show(campaign)
    place = f"/campaigns/{asked.id}/chunks"
    first = "".join(first.split())  # as the page groups its digits
    found, refusal = _find(dispatcher, asked.id, state, first)
    listed = found[:_PAGE]
    more = len(found) > len(listed)
    return page_or_part(
        request,
        "chunks",
        at=address(place, state=state, first=first),
        campaign=asked,
        chunks=listed,
        refusal=refusal,
        states=LISTED_CHUNKS,
        state=state,
        first=first,
        beginning=address(place, state=state) if first else None,
        later=address(place, state=state, first=str(listed[-1].chunk + 1)) if more else None,
    )


def _find(
    dispatcher: Dispatcher, campaign: str, state: str, first: str
) -> tuple[tuple[Chunk, ...], str | None]:
    """A page of chunks and one more; or why nothing was looked for."""
    if first and not (first.isascii() and first.isdigit()):
        return (), f"{first!r} is no number of a chunk: give one, as 51."
    try:
        begin = int(first or "1")
        return dispatcher.chunks(campaign, state or None, first=begin, limit=_PAGE + 1), None
    except CallerError as error:
        return (), str(error)


@router.get("/{chunk}")
def attempts(
    request: Request,
    dispatcher: PageForViewers,
    _: Looking,
    campaign: str,
    chunk: Annotated[int, Path(ge=1, lt=2**31)],
    before: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
) -> HTMLResponse:
    """What each attempt at one chunk came to, the newest first."""
    asked = dispatcher.show(campaign)
    found = dispatcher.attempts(asked.id, chunk, before=before, limit=_PAGE + 1)
    listed = found[:_PAGE]
    more = len(found) > len(listed)
    place = f"/campaigns/{asked.id}/chunks/{chunk}"
    return page_or_part(
        request,
        "attempts",
        campaign=asked,
        chunk=chunk,
        attempts=listed,
        before=before,
        older=address(place, before=str(listed[-1].attempt)) if more else None,
    )
