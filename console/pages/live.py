"""What pages show while they are looked at: pieces of them, anew whenever the books change."""

from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator
from contextlib import aclosing
from hashlib import sha256

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from console.auth import PageForViewers, person_of
from console.events import Broadcast, Frame, event
from console.pages.layout import fragment, render
from console.pages.recent import Recent
from dispatcher import Campaign, Curve, Dispatcher, DispatcherError

router = APIRouter(include_in_schema=False)

_BEAT = 5.0
"""Seconds after which a page hears something, though nothing has changed."""
_CURVE = 5.0
"""Seconds for which a curve is new; longer where its steps are."""
_GLANCE = 2.0
"""Seconds for which what accounts and workers told is new."""


@router.get("/live")
async def list_live(request: Request, _: PageForViewers) -> StreamingResponse:
    """The rows of the list that move, each when it does."""
    return _stream(_rows(request))


@router.get("/campaigns/{campaign}/live")
async def campaign_live(
    request: Request, dispatcher: PageForViewers, campaign: str
) -> StreamingResponse:
    """The pieces of a campaign's page that move."""
    found = await to_thread.run_sync(dispatcher.show, campaign)
    return _stream(_pieces(request, dispatcher, found))


@router.get("/accounts/live")
async def accounts_live(request: Request, dispatcher: PageForViewers) -> StreamingResponse:
    """The accounts, whenever one is another."""
    role = person_of(request).role
    return _stream(
        _found(
            request,
            ("accounts", role),
            lambda: render(request, "accounts_found.html", accounts=dispatcher.accounts()),
        )
    )


@router.get("/workers/live")
async def workers_live(request: Request, dispatcher: PageForViewers) -> StreamingResponse:
    """The workers, as they tell of themselves."""
    return _stream(
        _found(
            request,
            "workers",
            lambda: render(request, "workers_found.html", workers=dispatcher.workers()),
        )
    )


def _stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _frames(request: Request) -> AsyncIterator[Frame]:
    """The newest frame, and each that comes; one at least every few seconds."""
    broadcast: Broadcast = request.app.state.broadcast
    async with aclosing(broadcast.frames(person_of(request).proof, _BEAT)) as frames:
        async for frame in frames:
            yield frame


async def _rows(request: Request) -> AsyncIterator[bytes]:
    sent: dict[str, str] = {}
    async for frame in _frames(request):
        if frame.problem is not None:
            yield _problem(frame.problem)
            continue
        rows = {each.id: _row(request, frame, each) for each in frame.campaigns.values()}
        yield _html(row for campaign, row in rows.items() if sent.get(campaign) != row)
        yield _key(*(f"{each.id} {each.state}" for each in frame.campaigns.values()))
        sent = rows


def _row(request: Request, frame: Frame, campaign: Campaign) -> str:
    return frame.once(
        ("row", campaign.id), lambda: fragment(request, "campaigns_row.html", campaign=campaign)
    )


async def _pieces(
    request: Request, dispatcher: Dispatcher, campaign: Campaign
) -> AsyncIterator[bytes]:
    may_steer = person_of(request).may("operator")
    recent: Recent = request.app.state.recent
    sent: tuple[str, ...] = ("", "")
    async for frame in _frames(request):
        if frame.problem is not None:
            yield _problem(frame.problem)
            continue
        try:
            campaign = await _newest(frame, dispatcher, campaign)
            curve = await _curve(recent, dispatcher, campaign)
        except DispatcherError as error:
            yield _problem(str(error))
            continue
        pieces = (_told(request, frame, campaign, may_steer), _drawn(request, frame, curve))
        yield _html(now for now, before in zip(pieces, sent, strict=True) if now != before)
        yield _key(*_changes(campaign))
        sent = pieces


async def _curve(recent: Recent, dispatcher: Dispatcher, campaign: Campaign) -> Curve:
    """Its curve, at most a few seconds old, or once a step where that is longer."""
    return await recent.of(
        ("curve", campaign.id, campaign.finished_at),
        lambda: dispatcher.throughput(campaign.id),
        lambda curve: max(_CURVE, curve.seconds),
    )


async def _found(
    request: Request, question: Hashable, make: Callable[[], str]
) -> AsyncIterator[bytes]:
    """What `make` finds, for a page that has it in the place of that name."""
    recent: Recent = request.app.state.recent
    sent = ""
    async for frame in _frames(request):
        if frame.problem is not None:
            yield _problem(frame.problem)
            continue
        try:
            found = await recent.of(question, make, lambda _: _GLANCE)
        except DispatcherError as error:
            yield _problem(str(error))
            continue
        yield _html([f'<div id="found">{found}</div>'] if found != sent else [])
        yield _key(str(question))
        sent = found


async def _newest(frame: Frame, dispatcher: Dispatcher, campaign: Campaign) -> Campaign:
    """The campaign as the frame has it; one that is not live any more is read once more."""
    found = frame.campaigns.get(campaign.id)
    if found is None and not campaign.ended:
        found = await to_thread.run_sync(dispatcher.show, campaign.id)
    return found or campaign


def _told(request: Request, frame: Frame, campaign: Campaign, may_steer: bool) -> str:
    return frame.once(
        ("pieces", campaign.id, may_steer),
        lambda: fragment(request, "campaign_pieces.html", campaign=campaign, may_steer=may_steer),
    )


def _drawn(request: Request, frame: Frame, curve: Curve) -> str:
    return frame.once(("curve", curve), lambda: fragment(request, "curve.html", curve=curve))


def _changes(campaign: Campaign) -> Iterator[str]:
    """What, when it changes, makes the timeline another."""
    yield campaign.state
    yield "" if campaign.held is None else campaign.held.by
    yield f"{campaign.rate} {campaign.window} {campaign.finish_by} {campaign.max_error_rate}"


def _html(pieces: Iterable[str]) -> bytes:
    html = "".join(pieces)
    return event("html", html) if html else event("beat", "")


def _key(*parts: str) -> bytes:
    return event("key", sha256("\0".join(parts).encode()).hexdigest()[:16])


def _problem(sentence: str) -> bytes:
    return event("problem", sentence)
