"""What each button may do, and what it will do, in words: the library decides, and this tells."""

from collections.abc import Iterator
from dataclasses import dataclass

from console.pages.words import counted, number
from dispatcher import Campaign


@dataclass(frozen=True, slots=True)
class Act:
    """A button: the verb that it stands for, what it is called, and how it is asked for."""

    verb: str
    name: str
    question: str
    done: str
    is_grave: bool = False
    is_next: bool = False

    @property
    def look(self) -> str:
        """How its button looks: as what is to be done next, or as what cannot be taken back."""
        return "primary" if self.is_next else "danger" if self.is_grave else ""


_ACTS = (
    Act("accept", "Accept and go on", "Let it go on all the same?", "It goes on.", is_next=True),
    Act(
        "approve",
        "Approve",
        "Approve this campaign?",
        "It is approved, and goes on.",
        is_next=True,
    ),
    Act("resume", "Resume", "Resume this campaign?", "It goes on where it stood.", is_next=True),
    Act("pause", "Pause", "Pause this campaign?", "It is paused."),
    Act("rate", "Rate", "How fast may it go?", "Its rate is changed."),
    Act("window", "Window", "When may it begin requests?", "Its window is changed."),
    Act("finish-by", "Finish by", "When should it end?", "It is planned to end by then."),
    Act("retry", "Send again", "Send again to whom it did not reach?", "They are sent to again."),
    Act("cancel", "Cancel", "Cancel this campaign for good?", "It is cancelled.", is_grave=True),
)
ACTS = {act.verb: act for act in _ACTS}
RETRIABLE = ("rejected", "unresolved", "expired")


def acts_of(campaign: Campaign) -> tuple[Act, ...]:
    """The buttons that its page has, in their order."""
    return tuple(ACTS[verb] for verb in ACTS if verb in _verbs(campaign))


def is_stopped_by_errors(campaign: Campaign) -> bool:
    """Whether its canary, or too many errors, have stopped it."""
    held = campaign.held
    return campaign.state == "paused" and held is not None and held.by == "canary"


def _verbs(campaign: Campaign) -> Iterator[str]:
    if any(getattr(campaign.members, state) for state in RETRIABLE) and (
        campaign.started_at is not None and campaign.state != "cancelled"
    ):
        yield "retry"
    if campaign.ended:
        return
    yield from ("rate", "window", "finish-by", "cancel")
    if campaign.state != "paused":
        yield "pause"
    else:
        stopped = "accept" if is_stopped_by_errors(campaign) else "resume"
        yield "approve" if campaign.awaits_approval else stopped


def of(verb: str, campaign: Campaign) -> tuple[str, ...]:
    """What the verb will do to the campaign as it stands, a sentence for each thing."""
    return tuple(_TOLD[verb](campaign))


def _pause(campaign: Campaign) -> Iterator[str]:
    yield "No further request begins, from any worker."
    yield from _on_the_wire(campaign)
    yield f"{_rest(campaign)} will wait until it is resumed."


def _resume(campaign: Campaign) -> Iterator[str]:
    yield f"{_rest(campaign)} will be sent to, from where it stood."
    if campaign.reason:
        yield f"It has paused itself: {campaign.reason.rstrip('.')}. See that this is mended first."


def _approve(campaign: Campaign) -> Iterator[str]:
    yield f"{_rest(campaign)} will be sent to, as it was ordered: look at the message first."
    yield "It takes somebody else than whoever ordered it, and the log will name you."


def _accept(campaign: Campaign) -> Iterator[str]:
    yield f"{_rest(campaign)} will be sent to."
    canary = campaign.canary
    if canary is not None:
        yield (
            f"Of its canary, {number(canary.errors)} of {number(canary.measured)} measured members "
            "were errors."
        )
    if canary is not None and canary.state in ("undecided", "unmeasurable"):
        yield "Its bound on errors guards what is sent from now on, or the new one that you give."
    else:
        yield "Errors are not tested any more from here on, unless you give a new bound."


def _cancel(campaign: Campaign) -> Iterator[str]:
    yield from _on_the_wire(campaign)
    yield f"{_rest(campaign)} will not be sent to."
    yield "It cannot be taken back: a cancelled campaign is never resumed."


def _rate(campaign: Campaign) -> Iterator[str]:
    yield "It holds for all workers together, from the next request on."
    yield from _on_the_wire(campaign)


def _window(campaign: Campaign) -> Iterator[str]:
    yield "Outside of its windows no fresh request begins; what is in doubt is asked about."
    yield from _on_the_wire(campaign)


def _finish_by(campaign: Campaign) -> Iterator[str]:
    yield "It goes at the rate that this takes, planned anew as it runs, within its own rate."
    yield f"{_rest(campaign)} will be sent to by then."


def _retry(campaign: Campaign) -> Iterator[str]:
    yield "They are sent to under new pack_ids, so the vendor does not know them for repeats."
    if campaign.members.unresolved:
        yield "Whoever is unresolved may have been sent to before, and can get it twice."


_TOLD = {
    "pause": _pause,
    "approve": _approve,
    "resume": _resume,
    "accept": _accept,
    "cancel": _cancel,
    "rate": _rate,
    "window": _window,
    "finish-by": _finish_by,
    "retry": _retry,
}


def _on_the_wire(campaign: Campaign) -> Iterator[str]:
    sending = campaign.chunks.sending
    if sending:
        yield f"{counted(sending, 'request')} on the wire will still finish."


def _rest(campaign: Campaign) -> str:
    return counted(campaign.members.remaining, "member")
