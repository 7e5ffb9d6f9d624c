"""Curves of campaigns that are watched: each is read once for all, and not every second."""

import asyncio
from time import monotonic
from weakref import WeakValueDictionary

from anyio import to_thread

from dispatcher import Campaign, Curve, Dispatcher

_EVERY = 5.0
"""Seconds for which a curve is new; longer where its steps are."""
_MOST = 200


class Curves:
    """The newest curve of each campaign that is watched."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[float, bool, Curve]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def of(self, dispatcher: Dispatcher, campaign: Campaign) -> Curve:
        """The campaign's curve, at most a few seconds old; whole, where it has ended."""
        lock = self._locks.setdefault(campaign.id, asyncio.Lock())
        async with lock:
            known = self._read.get(campaign.id)
            if known is None or self._is_old(*known, campaign):
                curve = await to_thread.run_sync(dispatcher.throughput, campaign.id)
                self._keep(campaign, curve)
                return curve
            return known[2]

    def _is_old(self, at: float, had_ended: bool, curve: Curve, campaign: Campaign) -> bool:
        if campaign.ended:
            return not had_ended
        return monotonic() - at > max(_EVERY, curve.seconds)

    def _keep(self, campaign: Campaign, curve: Curve) -> None:
        self._read.pop(campaign.id, None)
        self._read[campaign.id] = (monotonic(), campaign.ended, curve)
        for oldest in list(self._read)[:-_MOST]:
            del self._read[oldest]
