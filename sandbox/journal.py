"""The last requests, one line each, so that a reader can check the rate and the order."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Final

LONGEST_JOURNAL: Final = 100_000
LONGEST_PAGE: Final = 10_000


@dataclass(slots=True)
class Entry:
    """One request to push/send, as it arrived and as it was judged."""

    n: int
    monotonic: float
    """Seconds of the sandbox's monotonic clock, when the whole request had been read."""
    wall: float
    """The same moment, in seconds since 1970."""
    pack_id: Any
    size: int
    """Bytes of the body."""
    verdict: str
    """accepted, refused, or unprocessed where a fault came before the judgement."""
    code: int | None
    """The code of a refusal."""
    fault: str | None
    numbers: tuple[int, int, int] | None
    """Of an accepted request: audience, successful and erroneous, as its reply says them."""
    ended: float | None = None
    """When its reply was handed over or its client had left, by the same clock as `monotonic`."""


class Journal:
    """Remembers the last LONGEST_JOURNAL requests, numbered from 0 in order of arrival."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=LONGEST_JOURNAL)
        self.next = 0

    def add(
        self,
        *,
        monotonic: float,
        wall: float,
        pack_id: Any,
        size: int,
        verdict: str,
        code: int | None,
        fault: str | None,
        numbers: tuple[int, int, int] | None = None,
    ) -> Entry:
        """Write down a request under the next number; the entry, for its end."""
        entry = Entry(self.next, monotonic, wall, pack_id, size, verdict, code, fault, numbers)
        self._entries.append(entry)
        self.next += 1
        return entry

    def page(self, since: int) -> dict[str, Any]:
        """The requests from number `since` on, at most LONGEST_PAGE, and where the next begin."""
        first = self.next - len(self._entries)
        start = max(since, first)
        found = list(islice(self._entries, start - first, start - first + LONGEST_PAGE))
        return {
            "requests": [asdict(entry) for entry in found],
            "next": start + len(found),
            "forgotten": max(0, first - since),
        }

    def reset(self) -> None:
        """Forget all requests; the numbers go on."""
        self._entries.clear()
