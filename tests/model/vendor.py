"""A Push API that lives in the test: strict about repeats, and otherwise as unkind as it may be."""

from collections import Counter
from datetime import timedelta

from dispatcher.lifecycle import Accepted, CampaignWrong, InDoubt, Outcome, Reason, Throttled
from tests.integration.builders import ACCEPTED, ALREADY_SENT

PACK_ID_WINDOW = 600
"""Seconds for which a repeated pack_id is refused."""


_REST = timedelta(seconds=45)
THROTTLED = Throttled(Reason("Too many requests", 429), _REST)
QUOTES_A_USER, ABOUT_A_USER = (
    CampaignWrong(Reason("Invalid value", 400, 30, "audience.token", culprit))
    for culprit in (0, None)
)
BUSY = InDoubt(Reason("HTTP 503 without a known reason", 503), _REST)


class Vendor:
    """Knows which pack_ids it has accepted, for the window, and counts what it has pushed."""

    def __init__(self) -> None:
        self.pushes: Counter[str] = Counter()
        self._refused_until: dict[str, int] = {}
        self._wrong: dict[str, CampaignWrong] = {}

    def answer(self, pack_id: str, inclination: Outcome, now: int) -> Outcome:
        """What it says to a request, and a push where it accepts; `now` in seconds.

        It may find nobody, or be busy, at any moment. But what it accepted it refuses to repeat,
        and what it has called wrong it never accepts.
        """
        if not isinstance(inclination, Accepted | CampaignWrong):
            return inclination
        if now < self._refused_until.get(pack_id, now):
            return ALREADY_SENT
        if isinstance(inclination, CampaignWrong):
            self._wrong.setdefault(pack_id, inclination)
        if pack_id in self._wrong:
            return self._wrong[pack_id]
        self.pushes[pack_id] += 1
        self._refused_until[pack_id] = now + PACK_ID_WINDOW
        return ACCEPTED
