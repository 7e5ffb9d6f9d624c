"""The routes that are about no campaign, or about one's canary and webhooks: as the others."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from console.auth import ForAdmins, ForOperators, ForViewers
from console.orders import (
    Accepted,
    Identifier,
    Identifiers,
    Imported,
    Newest,
    NewestActs,
    OfApp,
    Order,
    Redelivered,
    Text,
)
from console.problems import PREFIX, PROBLEMS
from console.uploads import Uploads, audience_of
from dispatcher import Account, Act, Campaign, Worker

others = APIRouter(prefix=PREFIX, responses=PROBLEMS)

Some = Annotated[Newest, Query()]


@others.post("/dry-runs")
def dry_run(request: Request, dispatcher: ForOperators, order: Order) -> JSONResponse:
    """What a campaign would be, with examples of what is left out; nothing is stored or sent."""
    uploads: Uploads = request.app.state.uploads
    with audience_of(uploads, order.members, order.upload) as audience:
        found = dispatcher.dry_run(
            app_id=order.app_id, message=order.message, audience=audience, **order.options()
        )
    return JSONResponse(found.as_json())


@others.post("/messages/check")
def check_message(dispatcher: ForOperators, given: Text) -> JSONResponse:
    """What a message is: its platforms, its variants, its bytes, and what to be warned of."""
    return JSONResponse(dispatcher.check_message(given.message).as_json())


@others.get("/uploads/{upload}/columns")
def columns(request: Request, dispatcher: ForOperators, upload: str) -> JSONResponse:
    """The columns of an upload: what each is read as, and its first values."""
    uploads: Uploads = request.app.state.uploads
    with uploads.file(upload) as file:
        found = dispatcher.columns(file)
    return JSONResponse([each.as_json() for each in found])


@others.post("/campaigns/{campaign}/canary", response_model=Campaign)
def accept_canary(dispatcher: ForOperators, campaign: str, accepted: Accepted) -> JSONResponse:
    """Go on with a campaign that its canary, or too many errors, have stopped."""
    bound = accepted.max_error_rate
    return JSONResponse(dispatcher.accept_canary(campaign, max_error_rate=bound).as_json())


@others.get("/campaigns/{campaign}/webhooks")
def webhooks(dispatcher: ForViewers, campaign: str, some: Some) -> JSONResponse:
    """What receivers were told of it, or are to be told, without the bodies."""
    found = dispatcher.webhooks(campaign, limit=some.limit)
    return JSONResponse([each.as_json() for each in found])


@others.post("/campaigns/{campaign}/webhooks/redeliver")
def redeliver(dispatcher: ForOperators, campaign: str, again: Redelivered) -> JSONResponse:
    """Let one of its webhooks be due now, or all that were not delivered; a receiver knows them."""
    return JSONResponse({"due": dispatcher.redeliver(campaign, again.sequence)})


@others.get("/webhooks")
def all_webhooks(dispatcher: ForViewers, some: Some) -> JSONResponse:
    """What receivers were told in the last days, of all campaigns, the newest first."""
    return JSONResponse([each.as_json() for each in dispatcher.webhooks(limit=some.limit)])


@others.get("/accounts", response_model=list[Account])
def accounts(dispatcher: ForViewers) -> JSONResponse:
    """The accounts that campaigns are sent for, their rates, and what holds them."""
    return JSONResponse([account.as_json() for account in dispatcher.accounts()])


@others.post("/accounts/{name}/resume", response_model=Account)
def resume_account(dispatcher: ForOperators, name: str) -> JSONResponse:
    """Lift an account's hold."""
    return JSONResponse(dispatcher.resume_account(name).as_json())


@others.get("/workers", response_model=list[Worker])
def workers(dispatcher: ForViewers) -> JSONResponse:
    """The workers that told of themselves within the last hour."""
    return JSONResponse([worker.as_json() for worker in dispatcher.workers()])


@others.get("/log", response_model=list[Act])
def log(dispatcher: ForViewers, some: Annotated[NewestActs, Query()]) -> JSONResponse:
    """Who changed what, and when, the newest first."""
    found = dispatcher.log(actor=some.actor, before=some.before, limit=some.limit)
    return JSONResponse([act.as_json() for act in found])


@others.post("/suppress/add")
def suppress_add(dispatcher: ForOperators, given: Identifiers) -> JSONResponse:
    """Put these on the app's standing list: nothing more is sent to them."""
    return JSONResponse(dispatcher.suppress_add(given.app_id, given.identifiers).as_json())


@others.post("/suppress/import")
def suppress_import(request: Request, dispatcher: ForOperators, given: Imported) -> JSONResponse:
    """Put everybody in an upload on the app's standing list; a row that cannot be used: nobody."""
    uploads: Uploads = request.app.state.uploads
    with audience_of(uploads, None, given.upload) as file:
        found = dispatcher.suppress_import(given.app_id, file)
    return JSONResponse(found.as_json())


@others.post("/suppress/remove")
def suppress_remove(dispatcher: ForOperators, given: Identifiers) -> JSONResponse:
    """Take these off the app's standing list."""
    return JSONResponse(dispatcher.suppress_remove(given.app_id, given.identifiers).as_json())


@others.post("/suppress/check")
def suppress_check(dispatcher: ForOperators, given: Identifiers) -> JSONResponse:
    """Who of these is on the app's standing list."""
    return JSONResponse(dispatcher.suppress_check(given.app_id, given.identifiers).as_json())


@others.get("/suppress/count")
def suppress_count(dispatcher: ForViewers, of: Annotated[OfApp, Query()]) -> JSONResponse:
    """How many identifiers are on the app's standing list."""
    count = dispatcher.suppress_count(of.app_id)
    return JSONResponse({"app_id": of.app_id, "count": count})


@others.post("/find")
def find(dispatcher: ForOperators, given: Identifier) -> JSONResponse:
    """Which campaigns and chunks hold somebody; asked by a body, which no proxy's log shows."""
    return JSONResponse([each.as_json() for each in dispatcher.find(given.identifier)])


@others.post("/forget")
def forget(dispatcher: ForAdmins, given: Identifier) -> JSONResponse:
    """Take somebody out of every stored audience for good; what is in `waiting`, ask again for."""
    return JSONResponse(dispatcher.forget(given.identifier).as_json())
