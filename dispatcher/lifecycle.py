"""A chunk's life and a campaign's, decided without touching anything: no clock, no database.

`CHUNK_MOVES` and `CAMPAIGN_MOVES` are the state diagrams; `outcome_of_refusal` knows the vendor's
codes by class; `decide` says what an attempt's outcome makes of a chunk, and `isolate` how the user
is found for whose value alone a chunk was refused.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never, get_args


class ChunkState(StrEnum):
    """Where a chunk stands; every member of a chunk shares its state."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    UNCOUNTED = "uncounted"
    REJECTED = "rejected"
    UNRESOLVED = "unresolved"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"


class CampaignState(StrEnum):
    """Where a campaign stands."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


RETRIABLE = frozenset({ChunkState.REJECTED, ChunkState.UNRESOLVED, ChunkState.EXPIRED})
"""What the operator may order to be sent again, in a new round under a new pack_id."""

LIVE_CHUNKS = frozenset({ChunkState.PENDING, ChunkState.SENDING})
SETTLED = tuple(state for state in ChunkState if state not in LIVE_CHUNKS)
LIVE_CAMPAIGNS = frozenset({CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED})

CHUNK_MOVES: dict[ChunkState, frozenset[ChunkState]] = {
    ChunkState.PENDING: frozenset(
        {
            ChunkState.SENDING,
            ChunkState.EXPIRED,
            ChunkState.CANCELLED,
            ChunkState.UNRESOLVED,
            ChunkState.DELIVERED,
            ChunkState.UNCOUNTED,
        }
    ),
    ChunkState.SENDING: frozenset(
        {
            ChunkState.PENDING,
            ChunkState.DELIVERED,
            ChunkState.UNCOUNTED,
            ChunkState.REJECTED,
            ChunkState.UNRESOLVED,
            ChunkState.WITHHELD,
        }
    ),
    ChunkState.DELIVERED: frozenset(),
    ChunkState.UNCOUNTED: frozenset({ChunkState.DELIVERED}),
    ChunkState.REJECTED: frozenset(
        {ChunkState.DELIVERED, ChunkState.UNCOUNTED, ChunkState.PENDING}
    ),
    ChunkState.UNRESOLVED: frozenset(
        {ChunkState.DELIVERED, ChunkState.UNCOUNTED, ChunkState.PENDING}
    ),
    ChunkState.EXPIRED: frozenset({ChunkState.UNCOUNTED, ChunkState.PENDING}),
    ChunkState.CANCELLED: frozenset(),
    ChunkState.WITHHELD: frozenset(),
}

CAMPAIGN_MOVES: dict[CampaignState, frozenset[CampaignState]] = {
    CampaignState.SCHEDULED: frozenset(
        {
            CampaignState.RUNNING,
            CampaignState.PAUSED,
            CampaignState.CANCELLED,
            CampaignState.EXPIRED,
        }
    ),
    CampaignState.RUNNING: frozenset(
        {
            CampaignState.PAUSED,
            CampaignState.COMPLETED,
            CampaignState.CANCELLED,
            CampaignState.EXPIRED,
        }
    ),
    CampaignState.PAUSED: frozenset(
        {
            CampaignState.RUNNING,
            CampaignState.SCHEDULED,
            CampaignState.COMPLETED,
            CampaignState.CANCELLED,
            CampaignState.EXPIRED,
        }
    ),
    CampaignState.COMPLETED: frozenset({CampaignState.RUNNING}),
    CampaignState.CANCELLED: frozenset(),
    CampaignState.EXPIRED: frozenset({CampaignState.RUNNING}),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an attempt ended as it did: the vendor's answer, or the network's (both None).

    `message` is the vendor's own where there is a code, and may quote the request; `place` is the
    field of the request that it is about, where that is a name and no value. `culprit` is the
    number among the request's members, from 0, of the one whose value it quotes.
    """

    message: str
    http_status: int | None = None
    code: int | None = None
    place: str | None = field(default=None, compare=False)
    culprit: int | None = field(default=None, compare=False)

    @property
    def words(self) -> str:
        """The reason for a log: nothing that the vendor may have quoted is in it."""
        return self.message if self.code is None else words_of(self.code, self.place)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor took the request, and these are its numbers.

    `error_details` is a JSON list of those whom it names: each one's place among the chunk's
    members, and what is said of them.
    """

    audience: int
    successful: int
    erroneous: int
    error_details: str = field(default="[]", repr=False)


@dataclass(frozen=True, slots=True)
class AlreadySent:
    """Code 32: the vendor had accepted this very pack_id before."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class NobodyReached:
    """Codes 6 and 33: the app or every user is unknown to the vendor now."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class CampaignWrong:
    """The vendor refuses the content, and would refuse it again."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class AccessRefused:
    """The credentials or the app's set-up at the vendor must be mended by a person."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Corrupted:
    """The vendor could not read the request: it was damaged on its way."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class NotSent:
    """Not one byte of the request left this machine."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Throttled:
    """HTTP 429: the account has to wait; nothing was sent."""

    reason: Reason
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The vendor may or may not have sent it."""

    reason: Reason
    retry_after: timedelta | None = None


Failed = (
    AlreadySent
    | NobodyReached
    | CampaignWrong
    | AccessRefused
    | Corrupted
    | NotSent
    | Throttled
    | InDoubt
)
"""Whatever has a reason."""

Outcome = Accepted | Failed

CODE_UNKNOWN_APP = 6
CODE_NOBODY_FOUND = 33

UNDOCUMENTED = "An error that the vendor does not document"

DOCUMENTED = {
    1: "Unknown Error",
    2: "Request body is empty",
    3: "Malformed json",
    4: "Field not found",
    CODE_UNKNOWN_APP: "Invalid app id",
    11: "Authorization error. Wrong user token",
    12: "Authorization error. User_token is not set",
    13: "Access denied. You have no access to the app",
    14: "Access denied. You have no access to the report file",
    15: "Access denied. You have no access to API",
    23: "Access denied. You have no access to Push API",
    24: "Push service is not enabled in an application settings",
    25: "The devtodev SDK is not integrated with the application you specified",
    26: "No push token has been received from the devtodev SDK integrated with the app",
    27: "The audience array should not contain more than 1000 elements",
    28: "Unexpected value for field",
    29: "Unexpected field",
    30: "Invalid value for field",
    31: "Notification payload size limit exceeded",
    32: "The sending was blocked. The request has already been sent during previous 10 minutes",
    CODE_NOBODY_FOUND: (
        "The requested users have not been found, or there have been no push-token received from "
        "them"
    ),
}
"""What the vendor's documented messages say without the values that they quote."""


_ABOUT_FIELDS = frozenset({4, 28, 29, 30})


def words_of(code: int, place: str | None = None) -> str:
    """What a code of the vendor says, and of which field where that is known; no value is in it."""
    words = DOCUMENTED.get(code, UNDOCUMENTED)
    return f"{words} {place}" if place and code in _ABOUT_FIELDS else words


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


def whole_number(digits: str) -> int | float:
    """A number of JSON as the vendor spells it; beyond what Python reads it is only very large."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


_MOST_DIGITS = 4000


def name_of(outcome: Outcome) -> str:
    """The outcome as the attempt log calls it: `in_doubt` for InDoubt."""
    return OUTCOME_NAMES[type(outcome)]


OUTCOME_NAMES: dict[type, str] = {
    kind: re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower() for kind in get_args(Outcome)
}
"""What each kind of outcome is called."""


def is_conclusive(outcome: Outcome) -> bool:
    """Whether the vendor itself answered, so that it can be reached."""
    match outcome:
        case NotSent():
            return False
        case InDoubt(reason):
            return reason.http_status is not None
        case _:
            return True


def proves_something(outcome: Outcome) -> bool:
    """Whether the vendor itself told what became of the request: it works."""
    return not isinstance(outcome, NotSent | Throttled | InDoubt)


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


WINDOW_MARGIN = 0.1
"""The part of the vendor's window that is never used: clocks and networks are not exact."""

MOST_CORRUPTIONS = 3
MOST_LOST_LEASES = 5
FAILURES_BEFORE_HOLD = 10
MOST_DOUBTS = 10
"""After so many doubtful attempts of an account in a row, one at a time probes its API."""
FRESH_PROBE_PART = 4
SHORTEST_FRESH_REST = timedelta(seconds=15)
LONGEST_FRESH_REST = timedelta(hours=1)
MOST_CULPRITS = 3
"""So many users are taken out of one chunk; where more are refused, it is the message."""
MOST_REJECTIONS = 5
LAST_ENDED = 50
"""A campaign pauses when more than this many of its last so many ended chunks were rejected."""

_SHORTEST_BACKOFF = timedelta(seconds=1)
_LONGEST_BACKOFF = timedelta(seconds=15)
_LONGEST_HOLD = timedelta(seconds=5)
_LONGEST_RETRY_AFTER = timedelta(days=1)
_SHORTEST_THROTTLE = timedelta(seconds=1)
_LONGEST_THROTTLE = timedelta(minutes=1)
_CALM = timedelta(seconds=30)


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


class Isolation(StrEnum):
    """What becomes of a chunk that was refused for the value of one of its members."""

    TAKE_OUT = "the member whom the refusal quotes is rejected, the others go on"
    HALVE = "each half goes on by itself"
    ALONE = "it is the one member, who is rejected"
    GIVE_UP = "it is rejected, and the campaign pauses: it is not one user's value"
    AS_EVER = "it is rejected like any other refused content"


@dataclass(frozen=True, slots=True)
class Suspects:
    """What `isolate` needs to know of a refused chunk.

    members: how many are in it.
    quotes: whether the refusal quotes the value of exactly one of them.
    is_part: whether it is a part of a chunk that was refused before.
    culprits: how many are known, this one included, at least: in the chunk that was refused first,
        or in all of the campaign's, where nothing was delivered yet and nobody is quoted.
    given_up: whether more of them than are taken out of one chunk were known before.
    """

    members: int
    quotes: bool
    is_part: bool = False
    culprits: int = 1
    given_up: bool = False


def isolate(suspects: Suspects) -> Isolation:
    """How to go on towards those for whom alone a chunk was refused. Raises nothing.

    To find one among n members takes 2 requests for each of log2 n halvings, rounded up; or one
    where the vendor quotes them. Where more than MOST_CULPRITS are known it is none of them.
    """
    if suspects.given_up or (suspects.members == 1 and not suspects.is_part):
        return Isolation.AS_EVER
    if suspects.culprits > MOST_CULPRITS:
        return Isolation.GIVE_UP
    if suspects.members == 1:
        return Isolation.ALONE
    return Isolation.TAKE_OUT if suspects.quotes else Isolation.HALVE


def backoff(attempt: int, jitter: float) -> timedelta:
    """The wait before the next attempt: 1 s doubling to 15 s, of which up to a half is jitter."""
    doublings = max(0, min(attempt - 1, 10))
    whole = min(_SHORTEST_BACKOFF * (1 << doublings), _LONGEST_BACKOFF)
    return whole * (0.5 + jitter / 2)


def account_hold(failures: int) -> timedelta | None:
    """How long an account rests after so many attempts in a row that came to nothing."""
    if failures < FAILURES_BEFORE_HOLD:
        return None
    doublings = min(failures - FAILURES_BEFORE_HOLD, 10)
    return min(timedelta(seconds=1 << doublings), _LONGEST_HOLD)


def rest_before_fresh(outage: timedelta) -> timedelta:
    """How long after a clean chunk was the probe no other one is, when doubt has lasted so long.

    A quarter of the outage, so that its end is noticed after a quarter more of it at most, and a
    day of it takes some thirty chunks.
    """
    return min(max(outage / FRESH_PROBE_PART, SHORTEST_FRESH_REST), LONGEST_FRESH_REST)


@dataclass(frozen=True, slots=True)
class Throttle:
    """The rest that the vendor last wanted an account to have.

    `count` are the rests in a row of which it did not say how long they were to be.
    """

    count: int = 0
    began: datetime | None = None
    until: datetime | None = None


def throttle(
    before: Throttle,
    claimed_at: datetime,
    asked: timedelta | None,
    now: datetime,
    jitter: float = 0.5,
) -> Throttle:
    """The rest that an answer to a request of `claimed_at` makes of the one before.

    As long as `asked`; where the vendor does not say, twice as long as the time before, from 1 s to
    a minute, and anew after it went well for a while. What was asked before a rest was over says
    nothing new. Raises nothing.
    """
    if before.until is not None and claimed_at < before.until:
        later = before.until if asked is None else max(before.until, now + asked)
        return Throttle(before.count, before.began, later)
    if asked is not None:
        return Throttle(before.count, now, now + asked)
    calm = max(_CALM, 2 * _throttled_for(before.count))
    went_well = before.until is None or now - before.until > calm
    count = 1 if went_well else before.count + 1
    return Throttle(count, now, now + _throttled_for(count) * (0.75 + jitter / 4))


def _throttled_for(count: int) -> timedelta:
    doublings = min(max(0, count - 1), 10)
    return min(_SHORTEST_THROTTLE * (1 << doublings), _LONGEST_THROTTLE)


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
