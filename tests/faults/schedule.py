"""A random schedule of faults; the same seed makes the same schedule."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

SLEEPER = "another worker"
"""The target whose faults mostly last longer than a lease."""

_LASTING = (0.3, 0.6, 1.0, 2.0, 4.0)
_PAST_A_LEASE = 1.0
_GAP = (0.2, 3.0)
"""All in seconds, the second beyond the lease."""

_SELDOM, _OFTEN = 0.05, 0.7
"""How often a fault outlasts a lease: much would hide little, as nothing can go wrong meanwhile."""


@dataclass(frozen=True, slots=True, order=True)
class Strike:
    """One fault: `which` chooses among several that it could hit."""

    at: float
    target: str
    fault: str
    lasting: float
    which: int

    def __str__(self) -> str:
        return f"{self.at:6.1f} s  {self.target}: {self.fault}, for {self.lasting:g} s"


def schedule(
    seed: int, seconds: float, faults: Mapping[str, Sequence[str]], *, lease: float
) -> tuple[Strike, ...]:
    """The strikes in their order: one at a time on each target, on several targets at once.

    `faults` names those that each target knows; `lease` is in seconds.
    """
    return tuple(
        sorted(
            strike
            for target, names in faults.items()
            for strike in _on(target, names, random.Random(f"{seed} {target}"), seconds, lease)
        )
    )


def _on(
    target: str, names: Sequence[str], chance: random.Random, seconds: float, lease: float
) -> Iterator[Strike]:
    at = chance.uniform(*_GAP)
    while at < seconds:
        long = chance.random() < (_OFTEN if target == SLEEPER else _SELDOM)
        lasting = min(lease + _PAST_A_LEASE if long else chance.choice(_LASTING), seconds - at)
        yield Strike(
            round(at, 1), target, chance.choice(names), round(lasting, 1), chance.randrange(100)
        )
        at += lasting + chance.uniform(*_GAP)
