"""What keys mean: a campaign is chosen, paused or resumed, and asked about first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dispatcher.books.campaigns import Campaign

UP, DOWN = "up", "down"
_CHOOSING = {UP: -1, "k": -1, DOWN: 1, "j": 1}
_VERBS = {"p": "pause", "r": "resume"}
LEAVING = "q"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done to a campaign: `pause` or `resume`."""

    verb: str
    campaign: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Which campaign is chosen, what the person was asked, and what came of the last order."""

    chosen: str | None = None
    asked: Order | None = None
    told: str = ""

    def among(self, campaigns: Sequence[Campaign]) -> "Dialogue":
        """The same where its campaign is still one of these; else the first of them is chosen."""
        ids = [campaign.id for campaign in campaigns]
        if self.chosen in ids:
            return self
        return Dialogue(ids[0] if ids else None, None, self.told)

    def pressed(self, key: str, campaigns: Sequence[Campaign]) -> tuple["Dialogue", Order | None]:
        """What follows from a key: another dialogue, and an order where one was confirmed."""
        if self.asked is not None:
            agreed = key in ("y", "Y")
            told = "" if agreed else "Nothing was changed."
            return replace(self, asked=None, told=told), self.asked if agreed else None
        if self.chosen is not None and key in _VERBS:
            return replace(self, asked=Order(_VERBS[key], self.chosen), told=""), None
        if self.chosen is not None and key in _CHOOSING:
            ids = [campaign.id for campaign in campaigns]
            place = min(max(ids.index(self.chosen) + _CHOOSING[key], 0), len(ids) - 1)
            return replace(self, chosen=ids[place], told=""), None
        return self, None
