"""What campaigns look like now, read once for all slots of a process."""

import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import inf
from uuid import UUID

from sqlalchemy import Engine

from dispatcher.books import campaigns, sendable
from dispatcher.books.sendable import Sendable
from dispatcher.books.session import transaction
from workers.watchdog import clock

_FRESH = 0.2
_MOST_KEPT = 1000

log = logging.getLogger("dispatcher.reception")


@dataclass(slots=True)
class _Reading:
    """A campaign as it is read or was read, None where it did not run; good until then."""

    answer: "Future[Sendable | None]" = field(default_factory=Future)
    until: float = inf


class CampaignCache:
    """The running campaigns' fixed parts and rates, at most 0.2 s old.

    A new rate is seen by so much later. Whether a chunk may be sent is not asked here: its claim
    says that.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._readings: dict[UUID, _Reading] = {}
        self._unknown: set[UUID] = set()

    def get(self, campaign_id: UUID) -> Sendable | None:
        """The campaign, None unless it is running. Raises what the database raises.

        Many slots begin with a campaign at once: one of them reads it for all who wait meanwhile.
        """
        with self._lock:
            reading = self._readings.get(campaign_id)
            is_known = reading is not None and clock() <= reading.until
            if reading is None and len(self._readings) >= _MOST_KEPT:
                self._readings.clear()
            if reading is None or not is_known:
                reading = self._readings[campaign_id] = _Reading()
        if not is_known:
            self._read(campaign_id, reading)
        return reading.answer.result()

    def _read(self, campaign_id: UUID, reading: _Reading) -> None:
        """One that does not run is not kept: the next message may be that of its resumption."""
        try:
            with transaction(self._engine) as connection:
                campaign = sendable.read(connection, campaign_id)
                is_known = campaign is not None or campaigns.exists(connection, campaign_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, others wait for it, too
            reading.until = -inf
            reading.answer.set_exception(error)
        else:
            reading.until = -inf if campaign is None else clock() + _FRESH
            reading.answer.set_result(campaign)
            if not is_known:
                self._tell_unknown(campaign_id)

    def _tell_unknown(self, campaign_id: UUID) -> None:
        """Once for each campaign: a neighbour may have many, and each many messages."""
        if campaign_id in self._unknown:
            return
        if len(self._unknown) >= _MOST_KEPT:
            self._unknown.clear()
        self._unknown.add(campaign_id)
        log.warning(
            "A message for a campaign that this database does not know was dropped: a neighbour "
            "may share the queue; give each deployment a DISPATCHER_QUEUE of its own.",
            extra={"campaign": str(campaign_id)},
        )
