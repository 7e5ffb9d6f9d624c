"""A campaign as a page shows it: what its numbers come to, and never a decision of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from console.orders import CHUNK_STATES
from console.pages.words import NONE, THIN, counted, duration, number, requests_a_second
from dispatcher import MEANINGS, Campaign, Curve, Variant

OPEN = {
    "in doubt": "may have been sent; the vendor is asked again",
    "sending": "on the wire at this moment",
    "pending": "still to be sent",
}
"""Where those stand who remain; with the others they are all."""


@dataclass(frozen=True, slots=True)
class Part:
    """So many members stand there: `share` of the whole, from `begin` on, both of 1."""

    name: str
    count: int
    share: float
    begin: float
    meaning: str
    is_told: bool


def parts(books: Campaign | Variant) -> tuple[Part, ...]:
    """The bar's parts: of one reading, so that they are the whole together.

    Those that come and go are told as long as there is anybody left, so that nothing jumps.
    """
    members, remaining = books.members, books.remaining
    counts = {name: getattr(members, name) for name in MEANINGS}
    counts |= {name: getattr(remaining, name.replace(" ", "_")) for name in OPEN}
    told = {"delivered", *(OPEN if members.remaining else ())}
    found, begun, total = [], 0, members.total
    for (name, meaning), count in zip((MEANINGS | OPEN).items(), counts.values(), strict=True):
        share, begin = (count / total, begun / total) if total else (0.0, 0.0)
        found.append(Part(name, count, share, begin, meaning, bool(count) or name in told))
        begun += count
    return tuple(found)


def title_of(campaign: Campaign) -> str:
    """What a person calls it: its tag, or the beginning of its id."""
    return campaign.campaign_tag or campaign.id[:8]


def reached(books: Campaign | Variant) -> int:
    """How many members the vendor took, with its numbers or without."""
    return books.members.delivered + books.members.uncounted


def is_moving(campaign: Campaign) -> bool:
    """Whether anybody was sent to in the last ten seconds."""
    return not campaign.ended and campaign.throughput.members_per_second > 0


def pace(campaign: Campaign) -> str:
    """Members a second, as of the last ten seconds."""
    return number(campaign.throughput.members_per_second) if is_moving(campaign) else NONE


def requests(campaign: Campaign) -> str:
    """Requests a second, as of the last ten seconds."""
    done = campaign.throughput.requests_per_second
    return "" if campaign.ended or not done else f"{number(done)} requests/s"


def left(campaign: Campaign) -> str:
    """How long it will take to end."""
    seconds = campaign.throughput.eta_seconds
    return NONE if campaign.ended or seconds is None else duration(seconds)


def took(campaign: Campaign) -> str:
    """How long it took, where it has begun and ended."""
    if campaign.started_at is None or campaign.finished_at is None:
        return ""
    return duration((campaign.finished_at - campaign.started_at).total_seconds())


def standing(campaign: Campaign) -> str:
    """What holds it, or what became of it, in a sentence; nothing where it simply goes."""
    held = campaign.held
    if held is not None and held.by == "rate" and campaign.finish_by is None:
        held = None  # it comes and goes with each request
    if held is not None:
        return held.words
    if campaign.reason:
        return campaign.reason
    if campaign.ended:
        failed = campaign.members.failed
        return f"{counted(failed, 'member')} not delivered." if failed else ""
    return "" if campaign.rate is None else f"At most {requests_a_second(campaign.rate)}."


def until(campaign: Campaign) -> datetime | None:
    """Until when it is held, where that is more than a moment."""
    held = campaign.held
    return None if held is None or held.by == "rate" else held.until


def wants_somebody(campaign: Campaign) -> bool:
    """Whether it stands still until somebody does something."""
    held = campaign.held
    return held is not None and held.by in _FOR_SOMEBODY


_FOR_SOMEBODY = ("paused", "canary", "account", "doubt", "workers", "broker", "database")


def limits(campaign: Campaign) -> Iterator[tuple[str, str]]:
    """What it was told about how to go, by name."""
    if campaign.rate is not None:
        yield "Rate", f"at most {campaign.rate:g} requests/s"
    if campaign.window:
        yield "Window", ", ".join(campaign.window)
    if campaign.planned_rate and not campaign.ended:
        yield "Planned", f"{campaign.planned_rate:.3g} requests/s, to end in time"
    if campaign.max_error_rate is not None:
        yield "Errors", f"at most {100 * campaign.max_error_rate:.3g}{THIN}%"


def read_in(campaign: Campaign) -> str:
    """What became of the rows that were read."""
    told = campaign.input
    left_out = {
        "repeated": told.duplicates,
        "invalid": told.invalid,
        "suppressed": told.suppressed,
        "excluded": told.excluded,
    }
    said = [f"{number(count)} {what}" for what, count in left_out.items() if count]
    rows = counted(told.read, "row")
    return f"{rows} read: {', '.join(said)}" if said else f"{rows} read, none left out"


def told_chunks(campaign: Campaign) -> str:
    """How many chunks are in which state."""
    counts = {state: getattr(campaign.chunks, state) for state in CHUNK_STATES}
    return ", ".join(f"{number(count)} {state}" for state, count in counts.items() if count)


def source_of(error: object) -> str:
    """Who said so: the vendor by numbers, or the network."""
    status, code = getattr(error, "http_status", None), getattr(error, "code", None)
    said = "Network" if status is None else f"HTTP {status}"
    return said if code is None else f"{said}, code {code}"


def has_errors(curve: Curve) -> bool:
    """Whether the vendor refused anything, or did not answer, at any time."""
    return any(step.errors for step in curve.steps)


def points(share: float) -> str:
    """A difference of shares, in points of a hundred."""
    return f"{100 * share:+.2f}"
