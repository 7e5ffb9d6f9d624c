"""Two shares of two groups: how far apart they are, as far as their numbers can tell.

The interval is Newcombe's of two Wilson scores (Statistics in Medicine 17, 1998, pages 873 to 890,
method 10): it holds for few and for many, and for shares of nothing and of all.
"""

from dataclasses import dataclass
from math import sqrt

_Z = 1.959963984540054
"""Of the normal distribution: 95 % of it lie within so many deviations."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The difference of two shares, and between what it lies with a confidence of 95 %."""

    difference: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether the shares may well be the same: no difference is seen."""
        return self.low <= 0 <= self.high


def difference(some: int, of: int, other: int, of_other: int) -> Interval | None:
    """The share `some` of `of` less the share `other` of `of_other`; None where one is no share."""
    if not (0 <= some <= of > 0 and 0 <= other <= of_other > 0):
        return None
    first, second = some / of, other / of_other
    low, high = _wilson(first, of)
    other_low, other_high = _wilson(second, of_other)
    apart = first - second
    return Interval(
        apart,
        apart - sqrt((first - low) ** 2 + (other_high - second) ** 2),
        apart + sqrt((high - first) ** 2 + (second - other_low) ** 2),
    )


def _wilson(share: float, of: int) -> tuple[float, float]:
    """Wilson's score interval of one share."""
    centre = share + _Z**2 / (2 * of)
    reach = _Z * sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2))
    whole = 1 + _Z**2 / of
    return (centre - reach) / whole, (centre + reach) / whole
