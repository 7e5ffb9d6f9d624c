"""What the vendor's journal says about each chunk, where it contradicts the chunk's row."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Any

NOT_SENT = (
    *("drop_before", "reset_before", "error_500_before", "error_503", "error_429"),
    *("error_429_date", "hang_before", "redirect", "code_1", "code_2", "code_99"),
)
SENT = (
    *("drop_after", "reset_after", "error_500_after", "hang_after", "garbage"),
    *("cut_reply", "cut_headers", "drip"),
)
"""The sandbox's faults: those that leave a request without effect, and those that spoil the reply
to one that was accepted. A drip takes longer than any story's request."""

_SAYS_NOT_SENT = ("error_429", "error_429_date", "code_2")
"""The reply proves it. After any other fault a worker cannot know."""

_AT_ONCE = 0.2
"""Seconds: what arrives together may be noticed in another order."""

_REACHED = ("delivered", "uncounted")
_NOT_REACHED = ("rejected", "expired", "cancelled", "withheld")

Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk's row; `numbers` are the vendor's three, as the books have them."""

    pack_id: str
    state: str
    numbers: tuple[int | None, ...]


def lost_replies(requests: Iterable[Request]) -> frozenset[str]:
    """The pack_ids that were accepted with a fault in the reply."""
    return frozenset(
        request["pack_id"]
        for request in requests
        if request["verdict"] == "accepted" and request["fault"] in SENT
    )


def contradictions(
    chunks: Iterable[Chunk], requests: Iterable[Request], *, window: float, request_timeout: float
) -> Iterator[str]:
    """One sentence for each chunk whose row the journal contradicts, or that was asked for wrongly.

    `window` is the vendor's whole window; both are in seconds.
    """
    came = defaultdict[str, list[Request]](list)
    for request in requests:
        came[request["pack_id"]].append(request)
    for pack_id, asked in came.items():
        yield from _asked_wrongly(pack_id, asked, window)
        yield from _asked_at_once(pack_id, asked, request_timeout)
    for chunk in chunks:
        yield from _told_wrongly(chunk, _accepted(came[chunk.pack_id]))


def _accepted(asked: Iterable[Request]) -> list[Request]:
    return [request for request in asked if request["verdict"] == "accepted"]


def _asked_wrongly(pack_id: str, asked: Sequence[Request], window: float) -> Iterator[str]:
    """Whatever came of it: a repeat outside of the window could have been a second push."""
    if len(_accepted(asked)) > 1:
        yield f"{pack_id} was accepted {len(_accepted(asked))} times"
    doubtful = (request["monotonic"] for request in asked if _may_have_been_sent(request))
    first = next(doubtful, None)
    if first is not None and asked[-1]["monotonic"] > first + window:
        after = asked[-1]["monotonic"] - first
        yield f"{pack_id} was asked for again {after:.1f} s after an attempt in doubt"


def _asked_at_once(pack_id: str, asked: Sequence[Request], request_timeout: float) -> Iterator[str]:
    """A worker ends its request in time, or stands still; until then it has the chunk to itself."""
    for request, following in pairwise(asked):
        ended = request["ended"] or inf
        apart = following["monotonic"] - request["monotonic"]
        if following["monotonic"] + _AT_ONCE < min(ended, request["monotonic"] + request_timeout):
            yield f"{pack_id} was asked for again {apart:.1f} s after a request still on the wire"


def _may_have_been_sent(request: Request) -> bool:
    """As far as its worker could know."""
    if request["verdict"] == "unprocessed":
        return request["fault"] not in _SAYS_NOT_SENT
    return bool(request["verdict"] == "accepted")


def _told_wrongly(chunk: Chunk, accepted: Sequence[Request]) -> Iterator[str]:
    if chunk.state in _REACHED and not accepted:
        yield f"{chunk.pack_id} is {chunk.state}, and the vendor never accepted it"
    if chunk.state in _NOT_REACHED and accepted:
        yield f"{chunk.pack_id} is {chunk.state}, and the vendor accepted it"
    answered = [tuple(request["numbers"]) for request in accepted]
    if chunk.state == "delivered" and answered and chunk.numbers not in answered:
        yield f"{chunk.pack_id} has the numbers {chunk.numbers}, and the vendor said {answered[0]}"
