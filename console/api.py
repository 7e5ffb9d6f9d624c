"""The routes: each parses, calls one verb, and answers."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from console.auth import ForOperators, ForViewers, person_of
from console.events import Broadcast
from console.making import Making
from console.orders import Listed, ListedAttempts, ListedChunks, Newest, Order, Orders, Retry
from console.problems import PREFIX, PROBLEMS
from console.turns import Looking, Verifying
from console.uploads import received
from dispatcher import Act, Attempt, Campaign, Chunk, Dispatcher

router = APIRouter(prefix=PREFIX, responses=PROBLEMS)
open_router = APIRouter(responses={503: PROBLEMS[503], 500: PROBLEMS[500]})
"""What wants no token."""

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The campaign's key: the same again means the same campaign, sent once.",
        min_length=1,
        max_length=500,
    ),
]


@router.post(
    "/campaigns",
    status_code=HTTPStatus.CREATED,
    responses={200: {"model": Campaign, "description": "The campaign that the key stands for."}},
    response_model=Campaign,
)
def enqueue(
    request: Request, dispatcher: ForOperators, order: Order, key: Key = None
) -> JSONResponse:
    """Commit a campaign with its whole audience; workers send it."""
    making = Making(dispatcher, request.app.state.home, request.app.state.uploads)
    known, campaign = making.make(order, key)
    return JSONResponse(
        campaign.as_json(),
        HTTPStatus.OK if known else HTTPStatus.CREATED,
        {"Location": f"{PREFIX}/campaigns/{campaign.id}"},
    )


@router.put(
    "/uploads/{name}",
    status_code=HTTPStatus.CREATED,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
    responses={
        201: {
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {"upload": {"type": "string"}},
                        "required": ["upload"],
                    },
                    "example": {"upload": "9f86d081884c7d659a2feaa0c55ad015"},
                }
            }
        }
    },
)
async def upload(request: Request, _: ForOperators, name: str) -> JSONResponse:
    """Upload an audience as it is, without multipart; its name's ending says the format."""
    return await received(request, name)


@router.get("/campaigns", response_model=list[Campaign])
def list_campaigns(dispatcher: ForViewers, listed: Annotated[Listed, Query()]) -> JSONResponse:
    """The newest campaigns first; the header `Link` leads to the next page."""
    found = dispatcher.list(
        listed.state,
        tag=listed.tag,
        app_id=listed.app_id,
        key=listed.key,
        limit=listed.limit + 1,
        before=listed.before,
        tests=listed.tests,
    )
    page, headers = found[: listed.limit], {}
    if len(found) > len(page):
        query = urlencode({**listed.model_dump(exclude_unset=True), "before": page[-1].id})
        headers = {"Link": f'<{PREFIX}/campaigns?{query}>; rel="next"'}
    return JSONResponse([campaign.as_json() for campaign in page], headers=headers)


@router.get("/campaigns/{campaign}", response_model=Campaign)
def show(dispatcher: ForViewers, campaign: str) -> JSONResponse:
    """The campaign as it stands; `last` is the newest."""
    return JSONResponse(dispatcher.show(campaign).as_json())


@router.get("/campaigns/{campaign}/message")
def message_of(dispatcher: ForViewers, campaign: str) -> JSONResponse:
    """The message that its members get, with all of its texts."""
    return JSONResponse(dispatcher.message_of(campaign))


@router.patch("/campaigns/{campaign}", response_model=Campaign)
def adjust(dispatcher: ForOperators, campaign: str, orders: Orders) -> JSONResponse:
    """Change the rate, the window, the time to finish by: all that is given, or nothing."""
    changes = orders.model_dump(exclude_unset=True)
    return JSONResponse(dispatcher.adjust(campaign, **changes).as_json())


@router.post("/campaigns/{campaign}/pause", response_model=Campaign)
def pause(dispatcher: ForOperators, campaign: str) -> JSONResponse:
    """Begin no new request; those on the wire finish."""
    return JSONResponse(dispatcher.pause(campaign).as_json())


@router.post("/campaigns/{campaign}/resume", response_model=Campaign)
def resume(dispatcher: ForOperators, campaign: str) -> JSONResponse:
    """Go on exactly where a paused campaign stood."""
    return JSONResponse(dispatcher.resume(campaign).as_json())


@router.post("/campaigns/{campaign}/approve", response_model=Campaign)
def approve(dispatcher: ForOperators, campaign: str) -> JSONResponse:
    """Let a campaign go on that waits for a second person, who did not order it."""
    return JSONResponse(dispatcher.approve(campaign).as_json())


@router.post("/campaigns/{campaign}/cancel", response_model=Campaign)
def cancel(dispatcher: ForOperators, campaign: str) -> JSONResponse:
    """End it for good; what is on the wire finishes."""
    return JSONResponse(dispatcher.cancel(campaign).as_json())


@router.post("/campaigns/{campaign}/retry", response_model=Campaign)
def retry(dispatcher: ForOperators, campaign: str, retried: Retry) -> JSONResponse:
    """Send its rejected, unresolved or expired chunks again; unresolved ones may arrive twice."""
    found = dispatcher.retry(campaign, retried.only, at_most=retried.at_most)
    return JSONResponse(found.as_json())


@router.get("/campaigns/{campaign}/explain")
def explain(dispatcher: ForViewers, _: Looking, campaign: str) -> JSONResponse:
    """What happened to it, what it waits for, and when it goes on."""
    return JSONResponse(dispatcher.explain(campaign).as_json())


@router.get("/campaigns/{campaign}/chunks", response_model=list[Chunk])
def chunks(
    dispatcher: ForViewers, _: Looking, campaign: str, listed: Annotated[ListedChunks, Query()]
) -> JSONResponse:
    """Its chunks by number, with the last attempt at each; `Link` leads to the next page."""
    found = dispatcher.chunks(campaign, listed.state, first=listed.first, limit=listed.limit)
    headers = {}
    if len(found) == listed.limit:
        asked = listed.model_dump(exclude_unset=True)
        query = urlencode({**asked, "first": found[-1].chunk + 1})
        headers = {"Link": f'<{PREFIX}/campaigns/{found[-1].campaign}/chunks?{query}>; rel="next"'}
    return JSONResponse([chunk.as_json() for chunk in found], headers=headers)


@router.get("/campaigns/{campaign}/chunks/{chunk}/attempts", response_model=list[Attempt])
def attempts(
    dispatcher: ForViewers,
    campaign: str,
    chunk: Annotated[int, Path(ge=1, lt=2**31)],
    listed: Annotated[ListedAttempts, Query()],
) -> JSONResponse:
    """What each attempt at a chunk came to, the newest first; `before` begins the next page."""
    found = dispatcher.attempts(campaign, chunk, before=listed.before, limit=listed.limit)
    return JSONResponse([attempt.as_json() for attempt in found])


@router.get("/campaigns/{campaign}/throughput")
def throughput(dispatcher: ForViewers, _: Looking, campaign: str) -> JSONResponse:
    """How it went over time: what was sent in each of at most 120 even steps."""
    return JSONResponse(dispatcher.throughput(campaign).as_json())


@router.get("/campaigns/{campaign}/verify")
def verify(dispatcher: ForViewers, _: Verifying, campaign: str) -> JSONResponse:
    """Check its books; `sound` says whether everything is right."""
    return JSONResponse(dispatcher.verify(campaign).as_json())


@router.get("/campaigns/{campaign}/log", response_model=list[Act])
def log(dispatcher: ForViewers, campaign: str, some: Annotated[Newest, Query()]) -> JSONResponse:
    """Who changed what, and when, the newest first."""
    return JSONResponse([act.as_json() for act in dispatcher.log(campaign, limit=some.limit)])


@router.get("/campaigns/{campaign}/failures")
def failures(dispatcher: ForOperators, campaign: str) -> StreamingResponse:
    """The members who were not delivered to, with the reason: as long a list as it takes."""
    named = (asdict(each) for each in dispatcher.failures(campaign) if hasattr(each, "member"))
    return StreamingResponse(_array(named), media_type="application/json")


def _array(documents: Iterable[dict[str, Any]]) -> Iterator[str]:
    """One JSON array, a piece at a time."""
    yield "["
    for number, document in enumerate(documents):
        yield (",\n" if number else "\n") + json.dumps(document)
    yield "\n]\n"


@router.get(
    "/events",
    response_class=Response,
    responses={
        200: {
            "description": "`campaigns` has every live campaign's `show`, `problem` why not.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def events(request: Request, _: ForViewers) -> StreamingResponse:
    """Every live campaign as server-sent events, at once and then as it changes."""
    broadcast: Broadcast = request.app.state.broadcast
    return StreamingResponse(
        broadcast.stream(person_of(request).proof),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@open_router.get(f"{PREFIX}/healthz", openapi_extra={"security": []})
@open_router.get("/healthz", include_in_schema=False)
async def healthz() -> JSONResponse:
    """That the program answers, however much it has to do."""
    return JSONResponse({"status": "ok"})


@open_router.get(f"{PREFIX}/readyz", openapi_extra={"security": []})
@open_router.get("/readyz", include_in_schema=False)
def readyz(request: Request) -> JSONResponse:
    """That the database answers, and has the schema of this version."""
    dispatcher: Dispatcher = request.app.state.dispatcher
    dispatcher.check_schema()
    return JSONResponse({"status": "ok"})
