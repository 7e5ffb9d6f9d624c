"""How the sandbox behaves at the moment: set at the start, and live by PUT /sandbox/faults."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sandbox.audience import Identifier, problems
from sandbox.codes import CONDITIONS
from sandbox.faults import Fault, parse


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Everything that can change while the sandbox runs, but for the script of the next faults."""

    latency: float = 0.0
    """Seconds between the processing of a request and its reply."""
    retry_after: int | None = None
    """Seconds that HTTP 429 and 503 ask to wait."""
    probabilities: Mapping[Fault, float] = field(default_factory=dict)
    """How likely a request meets each fault; together at most 1."""
    conditions: frozenset[int] = frozenset()
    """Codes of what is set up wrongly at the vendor: every request is refused with the first."""
    not_found: float = 0.0
    """The fraction of devices that the vendor does not know."""
    unreachable: float = 0.0
    """The fraction of devices that the delivery services reject."""
    poisoned: frozenset[Identifier] = frozenset()
    """Users whose identifier the vendor calls invalid: a request that has one is refused."""
    quote_poisoned: bool = True
    """Whether such a refusal names the field and quotes its value, as the vendor's table has it."""

    def document(self) -> dict[str, Any]:
        """The behaviour as GET /sandbox/faults shows it."""
        return {
            "latency": self.latency,
            "retry_after": self.retry_after,
            "probabilities": {fault.name: odds for fault, odds in self.probabilities.items()},
            "conditions": sorted(self.conditions),
            "not_found": self.not_found,
            "unreachable": self.unreachable,
            "poisoned": [{name: value} for name, value in sorted(self.poisoned, key=repr)],
            "quote_poisoned": self.quote_poisoned,
        }


def changed(behaviour: Behaviour, document: Mapping[str, Any]) -> Behaviour:
    """The behaviour with the document's fields in place of its own; the others stay.

    ValueError is one sentence about the field that makes no sense.
    """
    for name in document:
        if name not in _READERS:
            raise ValueError(f"there is no setting {name!r}; there are {', '.join(_READERS)}")
    fresh = replace(
        behaviour, **{name: _READERS[name](name, value) for name, value in document.items()}
    )
    _check_sum("the fractions not_found and unreachable", fresh.not_found + fresh.unreachable)
    _check_sum("the probabilities of all faults", sum(fresh.probabilities.values()))
    return fresh


def _check_sum(what: str, total: float) -> None:
    if total > 1 + 1e-9:
        raise ValueError(f"{what} are together at most 1, not {total:g}")


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{name} is a number of seconds, 0 or more, not {value!r}")
    return float(value)


def _whole_seconds(name: str, value: Any) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise ValueError(f"{name} is a whole number of seconds or null, not {value!r}")
    return value


def _fraction(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name} is a number from 0 to 1, not {value!r}")
    return float(value)


def _odds(name: str, value: Any) -> dict[Fault, float]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is an object of faults and numbers from 0 to 1, not {value!r}")
    return {
        parse(fault): _fraction(f"the probability of {fault}", odds)
        for fault, odds in value.items()
    }


def _codes(name: str, value: Any) -> frozenset[int]:
    known = ", ".join(map(str, sorted(CONDITIONS)))
    if not isinstance(value, list) or not all(
        type(code) is int and code in CONDITIONS for code in value
    ):
        raise ValueError(f"{name} is a list out of the codes {known}, not {value!r}")
    return frozenset(value)


def _identifiers(name: str, value: Any) -> frozenset[Identifier]:
    if not isinstance(value, list) or not all(
        isinstance(user, dict) and len(user) == 1 for user in value
    ):
        raise ValueError(f'{name} is a list of objects like {{"userId": "anna"}}, not {value!r}')
    wrong = next(problems(value), None)
    if wrong is not None:
        raise ValueError(f"{name}: {wrong.msg}")
    return frozenset(item for user in value for item in user.items())


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} is true or false, not {value!r}")
    return value


_READERS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "latency": _seconds,
    "retry_after": _whole_seconds,
    "probabilities": _odds,
    "conditions": _codes,
    "not_found": _fraction,
    "unreachable": _fraction,
    "poisoned": _identifiers,
    "quote_poisoned": _boolean,
}
