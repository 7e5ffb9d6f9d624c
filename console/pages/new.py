"""The page on which a campaign is made: small routes, each of which answers with a part of it."""

import json
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from console.auth import PageForOperators, person_of
from console.making import Making, digest
from console.once import Once
from console.orders import Order
from console.pages import sending
from console.pages.columns import SAID, columns_to_choose, first_of
from console.pages.editor import fields_of
from console.pages.forms import Fields
from console.pages.layout import page
from console.pages.notifications import NAMES, previews, unshown
from console.pages.order_form import (
    Form,
    FormError,
    audience_of_form,
    field_named_in,
    members_of,
    order_of,
)
from console.pages.words import counted
from console.problems import sentence
from console.uploads import Uploads, audience_of, received
from dispatcher import (
    AmbiguousCampaign,
    AudienceError,
    CallerError,
    CampaignExists,
    CampaignNotFound,
    Dispatcher,
    MessageError,
)

router = APIRouter(include_in_schema=False, prefix="/campaigns/new")

_EMPTY: dict[str, Any] = {"ios": {"payload": {}}, "android": {"payload": {}}}
_TESTED_FOR = 30
"""Seconds for which the page looks what became of a test."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A sentence, and the field of the form that it is about, where it names one."""

    field: str | None
    words: str
    place: str = ""


def _sent(fields: Fields) -> Form:
    return Form(fields)


Sent = Annotated[Form, Depends(_sent)]


@router.get("")
def new(request: Request, dispatcher: PageForOperators) -> HTMLResponse:
    """The whole page, with a key of its own; what was drafted, the browser puts into it."""
    return page(
        request,
        "new.html",
        key=f"console-{secrets.token_hex(8)}",
        accounts=[account.name for account in dispatcher.accounts()],
        message=json.dumps(_EMPTY, indent=2),
        variants=fields_of(_EMPTY),
        unshown=0,
        platforms=NAMES,
        chosen=[*_EMPTY],
        before=secrets.token_hex(8),
    )


@router.post("/editor")
def editor(request: Request, _: PageForOperators, form: Sent) -> Response:
    """The message's fields, for what the message is by now; nothing where it cannot be read."""
    try:
        message = json.loads(form.text("message"))
    except (ValueError, RecursionError):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    variants = fields_of(message)
    chosen = {each.name for variant in variants for each in variant.platforms}
    return page(
        request,
        "new_editor.html",
        variants=variants,
        unshown=unshown(message),
        platforms=NAMES,
        chosen=[*chosen],
    )


@router.post("/message")
def message(request: Request, dispatcher: PageForOperators, form: Sent) -> HTMLResponse:
    """Whether the message is right, and how it looks."""
    try:
        checked = dispatcher.check_message(form.text("message"))
    except MessageError as error:
        wrong = Wrong("message", str(error), error.place)
        return page(request, "new_message.html", wrong=wrong, checked=None, previews=[])
    whole = json.loads(checked.json)
    return page(
        request,
        "new_message.html",
        wrong=None,
        checked=checked.as_json(),
        previews=previews(whole),
        unshown=unshown(whole),
    )


@router.put("/uploads/{name}")
async def upload(request: Request, _: PageForOperators, name: str) -> JSONResponse:
    """Take a file as it comes; its id."""
    return await received(request, name)


@router.post("/columns")
def columns(request: Request, dispatcher: PageForOperators, form: Sent) -> HTMLResponse:
    """The upload's columns, to be told what each is where its name does not."""
    uploads: Uploads = request.app.state.uploads
    try:
        platforms = dispatcher.check_message(form.text("message")).platforms
    except MessageError:
        platforms = (*NAMES,)
    try:
        with uploads.file(form.text("upload")) as file:
            headings = dispatcher.columns(file, platforms=platforms)
        found = columns_to_choose(headings, platforms, form.mapping)
        shown = first_of(found)
    except (CallerError, FormError, HTTPException) as error:
        return page(request, "new_columns.html", wrong=_wrong(error, "upload"), columns=[])
    return page(
        request,
        "new_columns.html",
        wrong=None,
        columns=shown,
        open=sum(each.is_open for each in found),
        unshown=len(found) - len(shown),
        says=SAID,
    )


@router.post("/audience")
def audience(request: Request, dispatcher: PageForOperators, form: Sent) -> HTMLResponse:
    """What was read of the audience: who is in it, and which rows are not, and why."""
    try:
        checked = dispatcher.check_message(form.text("message"))
        order = _validated(audience_of_form(form, json.loads(checked.json)))
        found = _rehearsed(request, dispatcher, order)
    except MessageError:
        words = "Mend the message first: its platforms decide what a row may hold."
        return page(request, "new_audience.html", wrong=Wrong("message", words), found=None)
    except (CallerError, FormError, HTTPException) as error:
        return page(request, "new_audience.html", wrong=_wrong(error, "upload"), found=None)
    notes = [each for each in found.warnings if each not in checked.warnings]
    is_skipping = bool(form.text("skip_invalid"))
    return page(
        request,
        "new_audience.html",
        wrong=None,
        found=found,
        notes=notes,
        is_skipping=is_skipping,
    )


@router.get("/progress")
def progress(request: Request, _: PageForOperators, upload: str = "") -> PlainTextResponse:
    """How far the reading of an upload is, in words; nothing where nobody reads it."""
    uploads: Uploads = request.app.state.uploads
    told = uploads.progress_of(upload)
    if told is None:
        return PlainTextResponse("")
    rows = f": {counted(told.done, 'row')}" if told.done else ""
    share = "" if told.fraction is None else f", {told.fraction:.0%}"
    return PlainTextResponse(f"{told.phase.capitalize()}{rows}{share}")


@router.post("/check")
def check(request: Request, dispatcher: PageForOperators, form: Sent) -> HTMLResponse:
    """All that sending takes but to send: what would be sent, or everything that is wrong."""
    wrong, order = _ordered(dispatcher, form)
    if order is not None:
        try:
            found = _rehearsed(request, dispatcher, order, form.text("key"))
        except (CallerError, HTTPException) as error:
            wrong = [_wrong(error, _about(error))]
        else:
            return page(
                request,
                "new_checked.html",
                found=found,
                order=order,
                consequences=sending.of(order, found),
                digest=digest(order, form.text("key")),
            )
    return page(request, "new_wrong.html", wrong=wrong)


@router.post("/send")
def send(request: Request, dispatcher: PageForOperators, form: Sent) -> Response:
    """Make the campaign that was checked; the browser goes to its page."""
    wrong, order = _ordered(dispatcher, form)
    if order is not None and digest(order, form.text("key")) != form.text("digest"):
        words = "The campaign was changed since it was checked: close this, and check it again."
        wrong, order = [Wrong(None, words)], None
    if order is None:
        return page(request, "new_refused.html", status=HTTPStatus.CONFLICT, wrong=wrong)
    making = Making(dispatcher, request.app.state.home, request.app.state.uploads)
    try:
        with making.uploads.reported(order.upload) as report:
            _, campaign = making.make(order, form.text("key"), report)
    except CallerError as error:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return page(request, "new_refused.html", status=status, wrong=[_wrong(error, None)])
    return Response(headers={"HX-Redirect": f"/campaigns/{campaign.id}"})


@router.post("/test")
def try_out(request: Request, dispatcher: PageForOperators, form: Sent) -> HTMLResponse:
    """Send the message to a few now, as a campaign of its own.

    Until that has ended, the same again is the same test: `test_before` names the one before it.
    """
    before = form.text("test_before")
    try:
        checked = dispatcher.check_message(form.text("message"))
        order = _validated(_test_of(form, json.loads(checked.json)))
        once: Once = request.app.state.tests
        campaign = once.made(
            digest(order, f"{person_of(request).name} {before}"),
            lambda: dispatcher.enqueue(
                app_id=order.app_id, message=order.message, **order.options()
            ),
        )
    except (CallerError, FormError) as error:
        wrong = _wrong(error, "test_to")
        return page(request, "new_tested.html", wrong=wrong, campaign=None, before=before)
    return tried(request, dispatcher, campaign, 0, before)


@router.get("/tests/{campaign}")
def tried(
    request: Request,
    dispatcher: PageForOperators,
    campaign: str,
    since: int = 0,
    before: str = "",
) -> HTMLResponse:
    """What became of a test; the page asks again until that is known."""
    found = dispatcher.show(campaign)
    return page(
        request,
        "new_tested.html",
        wrong=None,
        campaign=found,
        since=since + 1,
        goes_on=since < _TESTED_FOR,
        before=found.id if found.ended else before,
    )


def _ordered(dispatcher: Dispatcher, form: Form) -> tuple[list[Wrong], Order | None]:
    """The order that the form stands for, or all that can be said against it before it is tried."""
    wrong: list[Wrong] = []
    if not form.text("app_id"):
        wrong.append(Wrong("app_id", "Give the vendor's id of the app."))
    document: dict[str, Any] = {}
    try:
        document = json.loads(dispatcher.check_message(form.text("message")).json)
    except MessageError as error:
        wrong.append(Wrong("message", str(error), error.place))
    if not form.text("upload"):
        wrong.append(Wrong("upload", "Upload a file of the members whom it is for."))
    try:
        order = order_of(form, document)
        if not wrong:
            return [], _validated(order)
    except FormError as error:
        wrong.append(Wrong(error.field, str(error)))
    return wrong, None


def _validated(order: dict[str, Any]) -> Order:
    """The order, held to what the API takes. Raises FormError, with the sentence of the API."""
    try:
        return Order.model_validate(order)
    except ValidationError as error:
        first = error.errors()[0]
        words = sentence({**first, "loc": ("body", *first["loc"])})
        raise FormError(field_named_in(words) or "app_id", words) from error


def _rehearsed(
    request: Request, dispatcher: Dispatcher, order: Order, key: str | None = None
) -> Any:
    uploads: Uploads = request.app.state.uploads
    with (
        uploads.reported(order.upload) as report,
        audience_of(uploads, order.members, order.upload) as given,
    ):
        return dispatcher.dry_run(
            app_id=order.app_id,
            message=order.message,
            audience=given,
            key=key,
            progress=report,
            **order.options(),
        )


def _test_of(form: Form, document: dict[str, Any]) -> dict[str, Any]:
    """A test is of one text, whichever was chosen."""
    variants = document.get("variants")
    if variants is not None:
        chosen = form.text("test_variant")
        document = variants.get(chosen) or next(iter(variants.values()))
    lines = form.lines("test_to")
    if not lines:
        raise FormError("test_to", "Say to whom: one a line, as userId=anna.")
    order = {"app_id": form.text("app_id"), "message": document}
    named = {name: form.text(name) for name in ("account", "campaign_tag") if form.text(name)}
    return {**order, **named, "test_to": members_of("test_to", lines)}


def _about(error: Exception) -> str | None:
    """The field that an error is about, whatever its sentence names."""
    if isinstance(error, CampaignNotFound | AmbiguousCampaign):
        return "exclude"
    return "upload" if isinstance(error, AudienceError) else None


def _wrong(error: Exception, otherwise: str | None) -> Wrong:
    if isinstance(error, FormError):
        return Wrong(error.field, str(error))
    if isinstance(error, MessageError):
        return Wrong("message", str(error), error.place)
    words = error.detail if isinstance(error, HTTPException) else str(error)
    if isinstance(error, CampaignExists):
        words = f"{words} Discard the draft, to begin another campaign."
    return Wrong(field_named_in(words) or otherwise, words)
