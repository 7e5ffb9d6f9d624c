"""What an attempt's outcome makes of its chunk, its account and its campaign."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from dispatcher.lifecycle.codes import CODE_UNKNOWN_APP
from dispatcher.lifecycle.outcomes import (
    Accepted,
    AccessRefused,
    AlreadySent,
    CampaignWrong,
    Corrupted,
    InDoubt,
    NobodyReached,
    NotSent,
    Outcome,
    Reason,
    Throttled,
)
from dispatcher.lifecycle.refusals import is_about_a_member
from dispatcher.lifecycle.rests import backoff
from dispatcher.lifecycle.states import ChunkState

WINDOW_MARGIN = 0.1
"""The part of the vendor's window that is never used: clocks and networks are not exact."""

MOST_CORRUPTIONS = 3
MOST_LOST_LEASES = 5
MOST_REJECTIONS = 5
LAST_ENDED = 50
"""A campaign pauses when more than this many of its last so many ended chunks were rejected."""

_LONGEST_RETRY_AFTER = timedelta(days=1)


def usable_window(pack_id_window: timedelta, request_timeout: timedelta) -> timedelta:
    """How long after the first doubtful attempt the same pack_id may be sent again.

    The vendor refuses a repeat for `pack_id_window`; the last tenth of it and one request are
    margin, so that a request begun at the last moment still arrives inside the window.
    """
    return pack_id_window * (1 - WINDOW_MARGIN) - request_timeout


@dataclass(frozen=True, slots=True)
class ChunkFacts:
    """What a decision needs to know of the chunk under attempt.

    `in_doubt_since` is the start of the earliest doubtful attempt before this one, if any;
    `window` is the usable window.
    """

    attempt: int
    claimed_at: datetime
    in_doubt_since: datetime | None
    corruptions: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of the chunk, its account and its campaign.

    `due_in` is set for a chunk that goes back to pending; it is the chunk's own, and its account's
    rest, which may be lifted, comes on top. `hold` is how long the vendor wants the whole account
    to rest, and `throttled` that it is to, though nobody said how long; `pause` gives the words
    with which the campaign pauses itself, and `unless_delivered` makes that depend on nothing
    having been delivered yet. `may_divide` says that all this is for a chunk that cannot be divided
    (see `isolate`), as it may be one of its members alone whom the vendor refuses.
    """

    state: ChunkState
    in_doubt_since: datetime | None = None
    due_in: timedelta | None = None
    corruptions: int = 0
    hold: timedelta | None = None
    throttled: bool = False
    pause: str | None = None
    unless_delivered: bool = False
    may_divide: bool = False


def decide(outcome: Outcome, chunk: ChunkFacts, now: datetime, jitter: float = 0.5) -> Decision:
    """What an attempt's outcome makes of its chunk.

    `now` is the database's time; `jitter` in 0..1 spreads the back-off. Raises nothing.
    """
    doubtful_before = chunk.in_doubt_since is not None
    match outcome:
        case Accepted():
            return Decision(ChunkState.DELIVERED)
        case AlreadySent():
            return Decision(ChunkState.UNCOUNTED, in_doubt_since=_doubt(chunk))
        case NobodyReached(reason):
            unknown_app = reason.code == CODE_UNKNOWN_APP
            return Decision(
                ChunkState.UNRESOLVED if doubtful_before else ChunkState.REJECTED,
                in_doubt_since=chunk.in_doubt_since,
                pause=_words(reason) if unknown_app else None,
                unless_delivered=unknown_app,
            )
        case CampaignWrong(reason):
            return Decision(
                ChunkState.REJECTED,
                pause=_words(reason),
                unless_delivered=True,
                may_divide=is_about_a_member(reason),
            )
        case AccessRefused(reason):
            return _again(chunk, now, chunk.in_doubt_since, timedelta(0), pause=_words(reason))
        case Corrupted(reason):
            corruptions = chunk.corruptions + 1
            return _again(
                chunk,
                now,
                chunk.in_doubt_since,
                backoff(chunk.attempt, jitter),
                corruptions=corruptions,
                pause=_words(reason) if corruptions >= MOST_CORRUPTIONS else None,
            )
        case NotSent():
            return _again(chunk, now, chunk.in_doubt_since, backoff(chunk.attempt, jitter))
        case Throttled(_, retry_after):
            hold = _retry_after(retry_after)
            wait = backoff(chunk.attempt, jitter)
            return _again(chunk, now, chunk.in_doubt_since, wait, hold=hold, throttled=hold is None)
        case InDoubt(_, retry_after):
            wait = backoff(chunk.attempt, jitter)
            return _again(chunk, now, _doubt(chunk), wait, hold=_retry_after(retry_after))
        case _:
            assert_never(outcome)


def _again(
    chunk: ChunkFacts,
    now: datetime,
    in_doubt_since: datetime | None,
    wait: timedelta,
    *,
    corruptions: int | None = None,
    hold: timedelta | None = None,
    throttled: bool = False,
    pause: str | None = None,
) -> Decision:
    """Pending again, or unresolved where the window of an attempt in doubt has closed."""
    closed = in_doubt_since is not None and now >= in_doubt_since + chunk.window
    return Decision(
        ChunkState.UNRESOLVED if closed else ChunkState.PENDING,
        in_doubt_since=in_doubt_since,
        due_in=None if closed else wait,
        corruptions=chunk.corruptions if corruptions is None else corruptions,
        hold=hold,
        throttled=throttled,
        pause=pause,
    )


def _doubt(chunk: ChunkFacts) -> datetime:
    return chunk.in_doubt_since or chunk.claimed_at


def _retry_after(asked: timedelta | None) -> timedelta | None:
    if asked is None or asked <= timedelta(0):
        return None
    return min(asked, _LONGEST_RETRY_AFTER)


def _words(reason: Reason) -> str:
    """The reason as a campaign shows it, with the vendor's numbers."""
    numbers = [f"HTTP {reason.http_status}"] if reason.http_status is not None else []
    numbers += [f"code {reason.code}"] if reason.code is not None else []
    return f"The Push API refused it: {reason.message.rstrip('.')} ({', '.join(numbers)})."
