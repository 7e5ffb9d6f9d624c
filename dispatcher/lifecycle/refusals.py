"""What a reply that is not a success means: the vendor's codes by class, and HTTP's."""

import re
from collections.abc import Iterable
from datetime import timedelta

from dispatcher.lifecycle.codes import CODE_NOBODY_FOUND, CODE_UNKNOWN_APP
from dispatcher.lifecycle.outcomes import (
    AccessRefused,
    AlreadySent,
    CampaignWrong,
    Corrupted,
    Failed,
    InDoubt,
    NobodyReached,
    Reason,
    Throttled,
)

_ABOUT_VALUES = frozenset({28, 30})
_OF_THE_AUDIENCE = re.compile(r"audience\b")


def is_about_a_member(reason: Reason) -> bool:
    """Whether it may be for one user's value alone that the vendor refused a whole request.

    So may its codes 28 and 30, which are about a field's value, where that field is the audience's.
    """
    about_the_audience = _OF_THE_AUDIENCE.match(reason.place or "") is not None
    return reason.code in _ABOUT_VALUES and about_the_audience


_Refusal = type[InDoubt | AlreadySent | NobodyReached | Corrupted | AccessRefused | CampaignWrong]

CODES: dict[int, _Refusal] = {
    1: InDoubt,
    2: Corrupted,
    3: Corrupted,
    4: CampaignWrong,
    CODE_UNKNOWN_APP: NobodyReached,
    **dict.fromkeys((11, 12, 13, 14, 15, 23, 24, 25, 26), AccessRefused),
    **dict.fromkeys((27, 28, 29, 30, 31), CampaignWrong),
    32: AlreadySent,
    CODE_NOBODY_FOUND: NobodyReached,
}
"""The vendor's documented codes (its "List of possible errors") by what they mean to a chunk."""

_LEAST_CERTAIN_FIRST: tuple[_Refusal, ...] = (
    InDoubt,
    AlreadySent,
    NobodyReached,
    Corrupted,
    AccessRefused,
    CampaignWrong,
)


def outcome_of_refusal(
    http_status: int, errors: Iterable[tuple[int, str]], retry_after: timedelta | None = None
) -> Failed:
    """What a reply that is not a success means: its known codes first, then its HTTP status.

    `errors` are the (code, message) pairs of a valid error document, or nothing. Of several known
    codes the least certain counts. Raises nothing: what makes no sense is in doubt.
    """
    if http_status == 429:
        return Throttled(Reason("Too many requests", http_status), retry_after)
    listed = list(errors)
    known = [(code, text) for code, text in listed if code in CODES]
    if known:
        code, text = min(known, key=lambda error: _LEAST_CERTAIN_FIRST.index(CODES[error[0]]))
        reason = Reason(text, http_status, code)
        kind = CODES[code]
        return InDoubt(reason, retry_after) if kind is InDoubt else kind(reason)
    reason = Reason(f"HTTP {http_status} without a known reason", http_status)
    if listed:
        reason = Reason(listed[0][1], http_status, listed[0][0])
    if http_status in (401, 403):
        return AccessRefused(reason)
    return InDoubt(reason, retry_after if http_status == 503 else None)


_MOST_DIGITS = 4000


def whole_number(digits: str) -> int | float:
    """A number of JSON as the vendor spells it; beyond what Python reads it is only very large."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)
