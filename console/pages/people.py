"""People: whom an app sends nothing, who is in which campaign, and forgetting somebody for good.

An identifier comes in a form's body alone, never in an address, which logs and histories keep.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from console.auth import PageForAdmins, PageForOperators, PageForViewers
from console.pages.asking import Question, asked
from console.pages.forms import Fields
from console.pages.layout import is_fragment, page, page_or_part
from dispatcher import CallerError, Dispatcher, OptionError

router = APIRouter(prefix="/people", include_in_schema=False)

_MOST = 1_000
"""Identifiers of one form; a file of them is for `dispatcher suppress import`."""


@router.get("")
def people(
    request: Request, _: PageForViewers, app: Annotated[str, Query(max_length=500)] = ""
) -> HTMLResponse:
    """The forms, for whatever the person may do."""
    return _page(request, app=app)


@router.get("/count")
def count(
    request: Request,
    dispatcher: PageForViewers,
    app: Annotated[str, Query(max_length=500)] = "",
) -> HTMLResponse:
    """How many are on an app's standing list."""
    app = app.strip()
    return _told(request, "list", app, {}, lambda: dispatcher.suppress_count(app))


@router.post("/list")
def standing(request: Request, dispatcher: PageForOperators, form: Fields) -> HTMLResponse:
    """Check, add or remove those of the form, all of them or none."""
    app = form.get("app", "").strip()
    return _told(request, "list", app, form, lambda: _listed(dispatcher, app, form))


@router.post("/find")
def find(request: Request, dispatcher: PageForOperators, form: Fields) -> HTMLResponse:
    """Which campaigns and chunks hold somebody."""
    return _told(request, "found", "", form, lambda: dispatcher.find(_identifier(form)))


@router.post("/forget")
def ask(request: Request, dispatcher: PageForAdmins, form: Fields) -> HTMLResponse:
    """What forgetting this one will do, and whether it should be done."""
    try:
        held = dispatcher.find(_identifier(form))
    except CallerError as error:
        return asked(request, _question(_identifier(form), 0), str(error))
    return asked(request, _question(_identifier(form), len(held)))


@router.post("/forgotten")
def forget(request: Request, dispatcher: PageForAdmins, form: Fields) -> HTMLResponse:
    """Forget them, where the form says it twice; the receipt."""
    identifier = _identifier(form)
    if form.get("word", "").strip() != identifier:
        words = "Nothing was forgotten: type the same identifier once more."
        return asked(request, _question(identifier, len(dispatcher.find(identifier))), words)
    receipt = dispatcher.forget(identifier)
    return page_or_part(request, "people_receipt", receipt=receipt.as_json(), identifier=identifier)


def _listed(dispatcher: Dispatcher, app: str, form: Mapping[str, str]) -> object:
    given = [line.strip() for line in form.get("identifiers", "").splitlines() if line.strip()]
    if not 0 < len(given) <= _MOST:
        raise OptionError(
            f"Give 1 to {_MOST:,} identifiers, one a line; more of them, as a file, take "
            "`dispatcher suppress import`."
        )
    match form.get("verb"):
        case "check":
            return dispatcher.suppress_check(app, given)
        case "add":
            return dispatcher.suppress_add(app, given)
        case "remove":
            return dispatcher.suppress_remove(app, given)
        case _:
            raise OptionError("Say what is to be done: check, add or remove.")


def _identifier(form: Mapping[str, str]) -> str:
    return form.get("identifier", "").strip()


def _told(
    request: Request, part: str, app: str, form: Mapping[str, str], verb: Callable[[], object]
) -> HTMLResponse:
    """What a verb gives, in its part of the page; or why it gave nothing."""
    try:
        return _page(request, part, app, form, told=verb())
    except CallerError as error:
        return _page(request, part, app, form, refusal=str(error))


def _page(
    request: Request,
    part: str = "",
    app: str = "",
    form: Mapping[str, str] | None = None,
    *,
    told: object = None,
    refusal: str | None = None,
) -> HTMLResponse:
    """The page, or the `part` of it that was asked for."""
    return page(
        request,
        f"people_{part}.html" if part and is_fragment(request) else "people.html",
        status=HTTPStatus.OK if refusal is None else HTTPStatus.UNPROCESSABLE_ENTITY,
        part=part,
        app=app,
        form=form or {},
        told=told,
        refusal=refusal,
    )


def _question(identifier: str, chunks: int) -> Question:
    return Question(
        title="Forget this person for good?",
        told=(
            f"They leave {chunks:,} stored chunk{'' if chunks == 1 else 's'}, sent or not: nothing "
            "unsent reaches them any more.",
            "They stand on every app's standing list, as a keyed hash: later audiences leave them "
            "out.",
            "What was sent is with the vendor, and backups keep what they have: see the receipt.",
            "This cannot be undone.",
        ),
        action="/people/forgotten",
        button="Forget them for good",
        back="/people",
        is_grave=True,
        typed="Type the identifier once more to say that you mean it",
        fields={"identifier": identifier},
    )
