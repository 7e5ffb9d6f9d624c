"""The vendor's accounts: their rates, and what holds them until when."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from console.auth import PageForOperators, PageForViewers
from console.pages.asking import Question, asked, gone_to
from console.pages.layout import page_or_part
from console.pages.words import counted
from dispatcher import Account, Dispatcher

router = APIRouter(prefix="/accounts", include_in_schema=False)


@router.get("")
def accounts(
    request: Request,
    dispatcher: PageForViewers,
    done: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """Every account that a campaign was ever made for; the hold of `done` was just lifted."""
    known = dispatcher.accounts()
    return page_or_part(
        request,
        "accounts",
        accounts=known,
        done=done if any(account.name == done for account in known) else None,
    )


@router.get("/{name}/resume")
def ask(request: Request, dispatcher: PageForOperators, name: str) -> HTMLResponse:
    """What it will do to lift this account's hold, and whether it should be."""
    return asked(request, _question(_account(dispatcher, name)))


@router.post("/{name}/resume")
def resume(request: Request, dispatcher: PageForOperators, name: str) -> Response:
    """Lift it."""
    return gone_to(request, f"/accounts?done={dispatcher.resume_account(name).name}")


def _account(dispatcher: Dispatcher, name: str) -> Account:
    for account in dispatcher.accounts():
        if account.name == name:
            return account
    raise HTTPException(404)


def _question(account: Account) -> Question:
    return Question(
        title=f"Let account {account.name} go on?",
        told=(
            f"It rests because {account.hold_reason}."
            if account.hold_reason
            else "Nothing holds it: it goes on already.",
            f"What runs goes on at once, slowly at first: {counted(account.running, 'campaign')}.",
            "Where the Push API failed before, one chunk goes alone and finds out whether it is "
            "well again; if it is not, the account rests anew.",
        ),
        action=f"/accounts/{account.name}/resume",
        button="Let it go on",
        back="/accounts",
    )
