"""The books of the sandbox: what was asked, what was answered, and how often each device rang."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sandbox.audience import Device
from sandbox.codes import Refusal

MOST_MESSAGES: Final = 100_000
"""So many devices' messages are remembered: for what somebody got, not for how often."""


class Tally:
    """How often each device was counted, for tens of millions of devices.

    Keeps a 64-bit hash a device and not its identity: under 100 bytes each. That two of ten million
    devices share one has a chance of about three in a million.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._again: dict[int, int] = {}
        self.total = 0
        self.most = 0

    def add(self, devices: Sequence[Device]) -> None:
        """Count every device once for each time it is named."""
        hashes = set(map(hash, devices))
        if len(hashes) < len(devices) or not self._seen.isdisjoint(hashes):
            self._add_one_by_one(devices)
        elif devices:
            self._seen |= hashes
            self.most = self.most or 1
        self.total += len(devices)

    def _add_one_by_one(self, devices: Sequence[Device]) -> None:
        for key in map(hash, devices):
            if key in self._seen:
                self._again[key] = self._again.get(key, 1) + 1
                self.most = max(self.most, self._again[key])
            else:
                self._seen.add(key)

    def count(self, device: Device) -> int:
        """How often this device was counted."""
        key = hash(device)
        return self._again.get(key, 1) if key in self._seen else 0

    @property
    def devices(self) -> int:
        """How many different devices were counted."""
        return len(self._seen)

    @property
    def repeated(self) -> int:
        """How many devices were counted more than once."""
        return len(self._again)


class Ledger:
    """Everything that was counted since the start, or since the last reset."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again with empty books."""
        self.reached, self.unreachable = Tally(), Tally()
        self.requests = self.accepted = self.members = self.not_found = 0
        self.messages: dict[Device, dict[str, Any]] = {}
        self.refused: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()

    def accept(
        self, reached: Sequence[Device], unreachable: Sequence[Device], not_found: int
    ) -> None:
        """Enter an accepted request: who was reached, who was not, how many nobody knows."""
        self.accepted += 1
        self.members += len(reached) + len(unreachable) + not_found
        self.not_found += not_found
        self.reached.add(reached)
        self.unreachable.add(unreachable)

    def note(self, message: dict[str, Any], reached: Sequence[Device]) -> None:
        """Remember what these devices got, unless there are too many by now."""
        if len(self.messages) < MOST_MESSAGES:
            self.messages.update(dict.fromkeys(reached, message))

    def refuse(self, refusal: Refusal) -> None:
        """Enter a refused request."""
        self.refused[refusal.code] += 1

    def document(self) -> dict[str, Any]:
        """The sums, as GET /sandbox/ledger shows them."""
        return {
            "devices": self.reached.devices,
            "pushes": self.reached.total,
            "twice": self.reached.repeated,
            "max": self.reached.most,
            "unreachable": self.unreachable.devices,
            "members": self.members,
            "not_found": self.not_found,
            "requests": self.requests,
            "accepted": self.accepted,
            "refused": {str(code): count for code, count in sorted(self.refused.items())},
            "faults": dict(sorted(self.faults.items())),
        }
