"""What will happen once a campaign is sent, in the words in which somebody is asked. PURE."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from console.orders import Order
from console.pages.words import counted, duration, number


def of(order: Order, found: Any) -> list[str]:
    """One sentence for each thing that will happen; `found` is the dry run's answer."""
    return [*_begin(order, found), *_whom(order, found), *_pace(order, found), *_end(order)]


def _begin(order: Order, found: Any) -> Iterator[str]:
    at = order.send_at
    if found.awaits_approval:
        yield "Nothing begins before a second person has approved it, on its page."
    if at is None and not found.awaits_approval:
        yield "It begins at once, and what was sent cannot be taken back."
    elif at is not None and at.tzinfo is None:
        late = "they are skipped" if order.if_late == "skip" else "they get it at once"
        yield (
            f"Everybody gets it at {_time(at)} on their own clock; where that has passed, {late}."
        )
    elif at is not None:
        yield f"It begins at {_time(at)}."
    for window in _several(order.window):
        yield f"New requests begin only {window}."


def _whom(order: Order, found: Any) -> Iterator[str]:
    if found.canary is not None:
        rest = number(found.total - found.canary.members)
        yield (
            f"Of the members, {number(found.canary.members)} go first, at random; the other {rest} "
            "wait for what becomes of them."
        )
    left_out = (
        (found.input.invalid, "that cannot be sent to"),
        (found.input.suppressed, "for members on a list of those who get nothing"),
        (found.input.excluded, "for members who were sent to before"),
    )
    for count, what in left_out:
        if count:
            yield f"Left out: {counted(count, 'row')} {what}."


def _pace(order: Order, found: Any) -> Iterator[str]:
    requests = f"It takes {counted(found.requests, 'request')}"
    if order.finish_by is not None:
        rate = ""
        if found.seconds_at_rate:
            rate = f": about {number(found.requests / found.seconds_at_rate)} a second by now"
        yield f"{requests}, spread so that it ends by {_time(order.finish_by)}{rate}."
    elif found.seconds_at_rate is not None:
        yield f"{requests}: {duration(found.seconds_at_rate)} at the rate."
    else:
        yield f"{requests}, as fast as the vendor takes them: no rate is set."


def _end(order: Order) -> Iterator[str]:
    if order.max_error_rate is not None:
        yield f"It pauses itself where more than {order.max_error_rate} errors are proven."
    if order.expires_at is not None:
        yield f"What is not sent by {_time(order.expires_at)} never is."


def _several(window: Any) -> list[str]:
    return [] if window is None else [window] if isinstance(window, str) else window


def _time(moment: datetime) -> str:
    """The time, with its offset where it is a moment."""
    return moment.isoformat(" ", "minutes").replace("+", " +")
