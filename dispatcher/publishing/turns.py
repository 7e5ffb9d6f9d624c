"""Whose turn it is: an account's places, and what little it may begin while its API fails.

Pure: no clock, no database.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor, inf
from typing import Protocol

AHEAD = 0.25
"""Seconds for which places are handed out: until a little after the next round."""


class Gauge(Protocol):
    """Knows how far the places of limits have been given out."""

    def ahead(self, names: Sequence[str]) -> Mapping[str, float] | None:
        """In how many seconds each limit's last place is, a negative number where it is over.

        A limit that is not among them has given none lately. None where nobody can tell: then
        nothing with a rate may be sent.
        """


def places(last: float | None, rate: float) -> int:
    """How many places there are within AHEAD, those that were given out and are to come included.

    `last` is in how many seconds the limit's last place is, None where none bears on the next.
    """
    interval = 1 / rate
    if last is None:
        first = 0.0
    elif last > 0:
        first = last - floor(last / interval) * interval
    else:
        first = max(0.0, last + interval)
    return 0 if first > AHEAD else 1 + floor((AHEAD - first) / interval)


@dataclass(slots=True)
class Grant:
    """How many chunks of a campaign may go, and how many of them may be clean."""

    chunks: int = 0
    clean: int = 0


@dataclass(frozen=True, slots=True)
class Claimant:
    """What a campaign could be sent of: chunks in doubt, clean ones, and most of both together.

    `since` is the time of its last place, or when it began.
    """

    since: datetime
    doubtful: int
    clean: int
    most: int

    @property
    def all(self) -> Grant:
        """All that it could be sent."""
        return Grant(min(self.most, self.doubtful + self.clean), self.clean)

    def take(self, grant: Grant, clean_room: float) -> bool:
        """One chunk more, one in doubt before a clean one; False where there is none."""
        if grant.chunks == self.most:
            return False
        if grant.chunks - grant.clean < self.doubtful:
            grant.chunks += 1
            return True
        if clean_room > 0 and grant.clean < self.clean:
            grant.chunks += 1
            grant.clean += 1
            return True
        return False


def in_turn(claimants: Sequence[Claimant], room: float, clean_room: float = inf) -> list[Grant]:
    """Give out an account's room, of which so much is for clean chunks, one chunk at a time.

    Whoever has been without a place for the longest is next, and last once it has one. So of n
    campaigns none waits for longer than the n - 1 others have one place each.
    """
    if room == clean_room == inf:
        return [claimant.all for claimant in claimants]
    grants = [Grant() for _ in claimants]
    order = sorted(range(len(claimants)), key=lambda place: claimants[place].since)
    queue = deque(order)
    while queue and room > 0:
        place = queue.popleft()
        grant, clean = grants[place], grants[place].clean
        if claimants[place].take(grant, clean_room):
            clean_room -= grant.clean - clean
            room -= 1
            queue.append(place)
    return grants
