"""The pack_ids that the vendor refuses for a while."""

from __future__ import annotations

from itertools import islice
from typing import Final

_FORGOTTEN_AT_ONCE: Final = 16


class Packs:
    """Remembers an accepted pack_id for `window` seconds.

    Time is given by the caller, in seconds of one monotonic clock.
    """

    def __init__(self, window: float) -> None:
        self._window = window
        # In the order of acceptance, so that the oldest stand in front.
        self._accepted: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._accepted)

    def refuses(self, pack_id: str, now: float) -> bool:
        """Whether this pack_id was accepted within the window. Asking does not prolong it."""
        accepted = self._accepted.get(pack_id)
        return accepted is not None and now - accepted < self._window

    def accept(self, pack_id: str, now: float) -> None:
        """Refuse the pack_id from now on; forget a few whose window has closed."""
        self._accepted.pop(pack_id, None)
        self._accepted[pack_id] = now
        # Several go for one that comes: memory shrinks again, and no request pays for many.
        for oldest in list(islice(self._accepted, _FORGOTTEN_AT_ONCE)):
            if self.refuses(oldest, now):
                break
            del self._accepted[oldest]
