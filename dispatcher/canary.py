"""Whether a campaign's errors exceed its bound: a sequential test, and a canary's verdict by it.

The test is an e-value of the hypothesis that the rate of errors is within the bound: a mixture of
likelihood ratios of higher rates to the bound. While the hypothesis holds, its expectation is at
most one, however often and whenever it is looked at, and so it ever reaches 1000 in one of 1000
campaigns at most (Ville's inequality). It depends on two counts alone, and on no order.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import exp, lgamma, log, log1p

ENOUGH = 1000
"""The e-value that proves that the bound is exceeded."""
LEANING = 20
"""The e-value that speaks against a canary which has ended, without being proof."""
CHANCE = 0.05
"""How probable so few errors may be at twice the bound, where a canary has passed."""
LEAST_BOUND, MOST_BOUND = 0.0001, 0.99

_TIMES_THE_ODDS = (1.1, 1.2, 1.35, 1.6, 2.0, 3.0, 5.0, 10.0)
"""The rates of the mixture: so many times the bound's odds, each with the same weight."""
_MOST_MEMBERS = 10**9


class CanaryState(StrEnum):
    """What a canary has come to."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    UNDECIDED = "undecided"
    UNMEASURABLE = "unmeasurable"


@dataclass(frozen=True, slots=True)
class Figures:
    """Members of a canary: `remaining` have not ended, of `lost` ones nothing is known.

    Those that the vendor did not find, or who were not sent to, are in none of these counts.
    """

    remaining: int
    measured: int
    errors: int
    lost: int


def evidence(measured: int, errors: int, bound: float) -> float:
    """The natural logarithm of the e-value against a rate of errors within the bound.

    `measured` members, of whom `errors` could not be sent to; `bound` is of one for all.
    """
    ratios = [
        errors * log(rate / bound) + (measured - errors) * log((1 - rate) / (1 - bound))
        for rate in _rates(bound)
    ]
    most = max(ratios)
    return most + log(sum(exp(ratio - most) for ratio in ratios) / len(ratios))


def exceeds(measured: int, errors: int, bound: float) -> bool:
    """Whether it is proven that the rate of errors is above the bound."""
    return evidence(measured, errors, bound) >= log(ENOUGH)


def verdict(figures: Figures, bound: float) -> CanaryState:
    """What a canary of these figures has come to; what is lost never counts as good."""
    if exceeds(figures.measured, figures.errors, bound):
        return CanaryState.FAILED
    if figures.remaining > 0:
        return CanaryState.RUNNING
    if figures.lost > figures.measured or figures.measured == 0:
        return CanaryState.UNMEASURABLE
    if _is_kept(figures.measured, figures.errors, bound):
        return CanaryState.PASSED
    whole = figures.measured + figures.lost
    if _is_kept(whole, round(whole * figures.errors / figures.measured), bound):
        return CanaryState.UNMEASURABLE
    return CanaryState.UNDECIDED


def members_to_decide(measured: int, errors: int, bound: float) -> int:
    """How many more members would decide, should their rate of errors stay what it is."""
    rate = errors / measured if measured else 0.0

    def is_enough(members: int) -> bool:
        found = round(members * rate)
        return _is_kept(members, found, bound) or exceeds(members, found, bound)

    low, high = measured, max(measured, 1)
    while not is_enough(high) and high < _MOST_MEMBERS:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high - measured


def _is_kept(measured: int, errors: int, bound: float) -> bool:
    """Whether so few errors speak for the bound: twice as many are ruled out, and nothing leans."""
    if evidence(measured, errors, bound) >= log(LEANING):
        return False
    return _at_most(errors, measured, _twice(bound)) <= CHANCE


def _rates(bound: float) -> list[float]:
    odds = bound / (1 - bound)
    return [times * odds / (1 + times * odds) for times in _TIMES_THE_ODDS]


def _twice(bound: float) -> float:
    return min(2 * bound, (1 + bound) / 2)


def _at_most(errors: int, measured: int, rate: float) -> float:
    """How probable so few errors are, or fewer: of the binomial distribution."""
    if errors >= measured * rate:
        return 1.0
    choose = lgamma(measured + 1) - lgamma(errors + 1) - lgamma(measured - errors + 1)
    term = total = exp(choose + errors * log(rate) + (measured - errors) * log1p(-rate))
    for fewer in range(errors, 0, -1):
        term *= fewer * (1 - rate) / ((measured - fewer + 1) * rate)
        total += term
        if term <= total * 1e-12:
            break
    return total
