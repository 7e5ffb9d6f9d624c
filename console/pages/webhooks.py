"""Webhooks: what receivers were told, what became of it, and telling it again."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, Response

from console.auth import PageForOperators, PageForViewers
from console.pages.asking import Question, asked, gone_to
from console.pages.layout import address, page_or_part
from dispatcher import CallerError

router = APIRouter(prefix="/webhooks", include_in_schema=False)

_PAGE = 50
Sequence = Annotated[int, Path(ge=1, lt=2**31)]


@router.get("")
def webhooks(
    request: Request,
    dispatcher: PageForViewers,
    campaign: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[str, Query(max_length=100, pattern=r"^([0-9a-f-]+/[0-9]{1,9})?$")] = "",
    done: Annotated[int | None, Query(ge=1, lt=2**31)] = None,
) -> HTMLResponse:
    """Those of the last days, the newest first; that of `done` was just made due again."""
    asked, refusal = campaign.strip(), None
    end, _, number = before.partition("/")
    try:
        some = dispatcher.webhooks(
            asked or None, before=(end, int(number)) if before else None, limit=_PAGE + 1
        )
    except CallerError as error:
        some, refusal = (), str(error)
    found = some[:_PAGE]
    last = f"{found[-1].campaign}/{found[-1].sequence}" if len(some) > _PAGE else ""
    return page_or_part(
        request,
        "webhooks",
        at=address("/webhooks", campaign=asked),
        webhooks=found,
        refusal=refusal,
        older=address("/webhooks", campaign=asked, before=last) if last else None,
        newest=address("/webhooks", campaign=asked) if before else None,
        asked=asked,
        done=done,
    )


@router.get("/{campaign}/{sequence}/redeliver")
def ask(
    request: Request, dispatcher: PageForOperators, campaign: str, sequence: Sequence
) -> HTMLResponse:
    """What it will do to deliver this one again, and whether it should be."""
    return asked(request, _question(dispatcher.show(campaign).id, sequence))


@router.post("/{campaign}/{sequence}/redeliver")
def redeliver(
    request: Request, dispatcher: PageForOperators, campaign: str, sequence: Sequence
) -> Response:
    """Let it be due now; what is in the way is said where it was asked."""
    try:
        dispatcher.redeliver(campaign, sequence)
    except CallerError as error:
        return asked(request, _question(campaign, sequence), str(error))
    return gone_to(request, f"/webhooks?done={sequence}")


def _question(campaign: str, sequence: int) -> Question:
    return Question(
        title=f"Deliver webhook {sequence} of {campaign[:8]} again?",
        told=(
            "A worker delivers it within seconds, and tries for a day if it must.",
            "The receiver can tell that it is the same: its webhook-id stays.",
            "Later ones of this campaign wait until it is delivered.",
        ),
        action=f"/webhooks/{campaign}/{sequence}/redeliver",
        button="Deliver it again",
        back="/webhooks",
    )
