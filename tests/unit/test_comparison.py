"""How far two shares are apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.comparison import difference


@pytest.mark.parametrize(
    ("numbers", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0000),
        ((10, 10, 0, 10), 0.6075, 1.0000),
    ],
)
def test_the_intervals_are_those_of_newcombes_table(
    numbers: tuple[int, int, int, int], low: float, high: float
) -> None:
    """Table II of the paper, method 10."""
    found = difference(*numbers)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@given(*[st.integers(0, 10**6)] * 4)
def test_an_interval_holds_its_difference_and_turns_with_the_groups(
    some: int, more: int, other: int, more_of_other: int
) -> None:
    of, of_other = some + more, other + more_of_other
    found = difference(some, of, other, of_other)
    turned = difference(other, of_other, some, of)
    if found is None or turned is None:
        assert 0 in (of, of_other)
        return
    assert -1 - 1e-9 <= found.low <= found.difference <= found.high <= 1 + 1e-9
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))
    assert found.holds_zero == turned.holds_zero
    assert not (found.holds_zero and min(of, of_other) > 1000 and abs(found.difference) > 0.1)
