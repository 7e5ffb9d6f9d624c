"""The buttons of a campaign: each asks first and says what will happen, then calls its verb."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from console.auth import PageForOperators
from console.pages import consequences
from console.pages.asking import Question, asked, gone_to
from console.pages.books import title_of
from console.pages.consequences import ACTS, RETRIABLE, Act
from console.pages.fields import FieldError, moment_of, rate_of
from console.pages.forms import Fields
from dispatcher import CallerError, Campaign, Dispatcher, OptionError

router = APIRouter(prefix="/campaigns/{campaign}", include_in_schema=False)


@router.get("/do/{verb}")
def ask(request: Request, dispatcher: PageForOperators, campaign: str, verb: str) -> HTMLResponse:
    """What the verb will do to the campaign as it stands now, and whether it should."""
    return _asked(request, dispatcher.show(campaign), _act(verb))


@router.post("/do/{verb}")
def do(
    request: Request,
    dispatcher: PageForOperators,
    campaign: str,
    verb: str,
    fields: Fields,
) -> Response:
    """Do it; what is in the way is said where it was asked."""
    act, value = _act(verb), fields.get("value", "").strip()
    found = dispatcher.show(campaign)
    try:
        _VERBS[verb](dispatcher, found, value, fields)
    except (CallerError, FieldError) as error:
        shown = dispatcher.show(campaign)
        return _asked(request, shown, act, refusal=str(error), value=value)
    return gone_to(request, f"/campaigns/{found.id}?done={verb}")


def _act(verb: str) -> Act:
    if verb not in ACTS:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return ACTS[verb]


def _asked(
    request: Request,
    campaign: Campaign,
    act: Act,
    *,
    refusal: str | None = None,
    value: str | None = None,
) -> HTMLResponse:
    return asked(
        request,
        _question(campaign, act),
        refusal,
        campaign=campaign,
        act=act,
        value=_present(campaign, act.verb) if value is None else value,
        retriable=[state for state in RETRIABLE if getattr(campaign.members, state)],
    )


def _question(campaign: Campaign, act: Act) -> Question:
    return Question(
        title=act.question,
        about=f"{title_of(campaign)} · {campaign.id[:8]} · {campaign.state}",
        told=consequences.of(act.verb, campaign),
        action=f"/campaigns/{campaign.id}/do/{act.verb}",
        button=f"{act.name} for good" if act.is_grave else act.name,
        back=f"/campaigns/{campaign.id}",
        stay="Keep it" if act.is_grave else "Leave it as it is",
        is_grave=act.is_grave,
        inputs="campaign_inputs.html",
    )


def _present(campaign: Campaign, verb: str) -> str:
    """What a form begins with: as it is now."""
    if verb == "rate":
        return "" if campaign.rate is None else f"{campaign.rate:g}"
    return "\n".join(campaign.window) if verb == "window" else ""


def _cancel(dispatcher: Dispatcher, campaign: Campaign, value: str, fields: Fields) -> None:
    if value != campaign.id[:8]:
        raise OptionError(
            f"Nothing was cancelled: type {campaign.id[:8]}, the beginning of this campaign's id."
        )
    dispatcher.cancel(campaign.id)


def _rate(dispatcher: Dispatcher, campaign: Campaign, value: str, fields: Fields) -> None:
    dispatcher.rate(campaign.id, rate_of(value) if value else None)


def _window(dispatcher: Dispatcher, campaign: Campaign, value: str, fields: Fields) -> None:
    windows = [line.strip() for line in value.splitlines() if line.strip()]
    dispatcher.window(campaign.id, windows or None)


def _finish_by(dispatcher: Dispatcher, campaign: Campaign, value: str, fields: Fields) -> None:
    zone = fields.get("zone") or "UTC"
    dispatcher.finish_by(campaign.id, moment_of(value, zone) if value else None)


def _retry(dispatcher: Dispatcher, campaign: Campaign, value: str, fields: Fields) -> None:
    """Send to no more than were shown when it was asked."""
    shown = fields.get(f"shown_{value}", "")
    at_most = int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 20 else 0
    dispatcher.retry(campaign.id, value, at_most=at_most)


_VERBS: Mapping[str, Callable[[Dispatcher, Campaign, str, Fields], object]] = {
    "pause": lambda dispatcher, campaign, *_: dispatcher.pause(campaign.id),
    "approve": lambda dispatcher, campaign, *_: dispatcher.approve(campaign.id),
    "resume": lambda dispatcher, campaign, *_: dispatcher.resume(campaign.id),
    "accept": lambda dispatcher, campaign, value, _: dispatcher.accept_canary(
        campaign.id, max_error_rate=value or None
    ),
    "retry": _retry,
    "cancel": _cancel,
    "rate": _rate,
    "window": _window,
    "finish-by": _finish_by,
}
