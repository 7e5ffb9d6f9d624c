"""What campaigns look like now, read once for all slots of a process."""

import threading
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Engine

from dispatcher.books import campaigns
from dispatcher.books.campaigns import Sendable
from dispatcher.books.session import transaction
from workers.watchdog import clock

_FRESH = 0.2
_MOST_KEPT = 1000


@dataclass(frozen=True, slots=True)
class _Known:
    """A campaign as it was read, None where it did not run; it counts until then on `clock()`."""

    campaign: Sendable | None
    until: float


class CampaignCache:
    """The running campaigns' fixed parts and rates, at most 0.2 s old.

    A new rate is seen by so much later. Whether a chunk may be sent is not asked here: its claim
    says that.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._known: dict[UUID, _Known] = {}

    def __contains__(self, campaign_id: UUID) -> bool:
        """Whether this process has met the campaign, however long ago."""
        return campaign_id in self._known

    def get(self, campaign_id: UUID) -> Sendable | None:
        """The campaign, None unless it is running. Raises what the database raises.

        Many slots begin with a campaign at once: one of them reads it, and the others wait.
        """
        with self._lock:
            known = self._known.get(campaign_id)
            if known is None or clock() > known.until:
                known = self._read(campaign_id)
        return known.campaign

    def _read(self, campaign_id: UUID) -> _Known:
        """One that does not run is not kept: the next message may be that of its resumption."""
        until = clock() + _FRESH
        with transaction(self._engine) as connection:
            known = _Known(campaigns.sendable(connection, campaign_id), until)
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        if known.campaign is not None:
            self._known[campaign_id] = known
        return known
