"""What may come of an attempt, and what each kind of it proves."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import get_args

from dispatcher.lifecycle.codes import words_of


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
