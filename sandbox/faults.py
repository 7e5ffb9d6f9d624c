"""The faults that the sandbox can show, by name, and which request gets which."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Kind(Enum):
    """A fault's name in options and JSON, and what a client sees of it.

    "Processed" means: as without the fault, the request is checked, entered in the ledger, and
    its pack_id refused from then on; only the reply suffers.
    """

    DROP_BEFORE = "drop_before", "not processed; the connection is closed without a reply"
    DROP_AFTER = "drop_after", "processed; the connection is closed without a reply"
    RESET_BEFORE = "reset_before", "not processed; the connection is reset (RST)"
    RESET_AFTER = "reset_after", "processed; the connection is reset (RST)"
    ERROR_500_BEFORE = "error_500_before", "not processed; code 1 with HTTP 500"
    ERROR_500_AFTER = "error_500_after", "processed; code 1 with HTTP 500"
    ERROR_503 = "error_503", "not processed; HTTP 503, with Retry-After if one is set"
    ERROR_429 = "error_429", "not processed; HTTP 429, Retry-After in seconds (1 if none is set)"
    ERROR_429_DATE = "error_429_date", "not processed; HTTP 429, Retry-After as an HTTP date"
    HANG_BEFORE = "hang_before", "not processed; no reply until the client leaves"
    HANG_AFTER = "hang_after", "processed; no reply until the client leaves"
    GARBAGE = "garbage", "processed; HTTP 200 with a body that is no JSON"
    CUT_REPLY = "cut_reply", "processed; the connection is closed amid the reply's body"
    CUT_HEADERS = "cut_headers", "processed; the connection is closed amid the reply's headers"
    REDIRECT = "redirect", "not processed; HTTP 302 to a page that answers 200"
    DRIP = "drip", "processed; the reply comes one byte every 0.2 s"
    CODE = "code_N", "not processed; refused with code N, of the vendor's table or not"
    QUOTE = "quote_N", "as code_N, and the message quotes the token and the first member"

    description: str

    def __new__(cls, name: str, description: str) -> Kind:
        kind = object.__new__(cls)
        kind._value_ = name
        kind.description = description
        return kind

    @property
    def processed(self) -> bool:
        """Whether the request takes effect in spite of the fault."""
        return self.description.startswith("processed")


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault; for Kind.CODE and Kind.QUOTE with its code."""

    kind: Kind
    code: int = 0

    @property
    def name(self) -> str:
        """The name that options and JSON use."""
        return str(self.kind.value).replace("_N", f"_{self.code}")


_WITH_CODE: Final = (Kind.CODE, Kind.QUOTE)
_BY_NAME: Final = {kind.value: Fault(kind) for kind in Kind if kind not in _WITH_CODE}


def parse(name: object) -> Fault:
    """The fault of that name; ValueError says which names there are."""
    text = str(name)
    if text in _BY_NAME:
        return _BY_NAME[text]
    for kind in _WITH_CODE:
        number = text.removeprefix(kind.value.removesuffix("N"))
        if number != text and number.isascii() and number.isdigit():
            return Fault(kind, int(number))
    names = ", ".join(kind.value for kind in Kind)
    raise ValueError(f"there is no fault {text!r}; there are {names}")


class Faults:
    """Chooses the fault of each request: first the script's, then by probability.

    `seed` makes the same sequence of requests meet the same faults again.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._script: deque[Fault | None] = deque()

    @property
    def script(self) -> list[Fault | None]:
        """What the next requests will meet; None is a request without a fault."""
        return list(self._script)

    def follow(self, script: Iterable[Fault | None]) -> None:
        """Give the next requests these faults, in place of what was still to come."""
        self._script = deque(script)

    def draw(self, probabilities: Mapping[Fault, float]) -> Fault | None:
        """The fault of the request at hand, or None."""
        if self._script:
            return self._script.popleft()
        if not probabilities:
            return None
        chance = self._random.random()
        for fault, probability in probabilities.items():
            chance -= probability
            if chance < 0:
                return fault
        return None
