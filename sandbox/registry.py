"""Which devices the vendor knows, and which of them its delivery services still reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from sandbox.audience import Device

_WHOLE: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Sorted:
    """Where the members of a request ended up; the unreachable ones by their place in it."""

    reached: list[Device]
    unreachable: list[int]
    not_found: int


def sort(devices: Sequence[Device | None], not_found: float, unreachable: float) -> Sorted:
    """Decide each device's fate by a hash of its identity: the same in every run of the program.

    `not_found` and `unreachable` are fractions of all devices, together at most 1. The lowest
    hashes are not found and the highest unreachable, so the two never mix, and a larger fraction
    keeps the devices of a smaller one.
    """
    if not not_found and not unreachable:
        known = [device for device in devices if device is not None]
        return Sorted(known, [], len(devices) - len(known))
    reached, beyond = [], []
    first_known, first_unreachable = not_found * _WHOLE, (1 - unreachable) * _WHOLE
    for place, device in enumerate(devices):
        if device is None:
            continue
        fate = crc32(device if isinstance(device, bytes) else device.encode())
        if fate >= first_unreachable:
            beyond.append(place)
        elif fate >= first_known:
            reached.append(device)
    return Sorted(reached, beyond, len(devices) - len(reached) - len(beyond))
