"""The sequential test of a campaign's errors, and what a canary comes to by it."""

import random
from math import comb, exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.canary import (
    LEAST_BOUND,
    MOST_BOUND,
    CanaryState,
    Figures,
    evidence,
    exceeds,
    members_to_decide,
    verdict,
)

BOUNDS = st.floats(LEAST_BOUND, MOST_BOUND)


def ended(measured: int, errors: int, lost: int = 0) -> CanaryState:
    """The verdict on a canary at a bound of 10 %."""
    return verdict(Figures(0, measured, errors, lost), 0.1)


@given(BOUNDS, st.integers(1, 40), st.floats(0, 1))
def test_its_expectation_is_at_most_one_while_the_bound_is_kept(
    bound: float, measured: int, part: float
) -> None:
    rate = bound * part
    expected = sum(
        comb(measured, errors) * rate**errors * (1 - rate) ** (measured - errors) * e_value
        for errors in range(measured + 1)
        if (e_value := exp(evidence(measured, errors, bound)))
    )
    assert expected <= 1 + 1e-9


@given(BOUNDS, st.integers(0, 10**9), st.data())
def test_each_error_speaks_against_the_bound_and_each_success_for_it(
    bound: float, successes: int, data: st.DataObject
) -> None:
    errors = data.draw(st.integers(0, 10**6))
    here = evidence(successes + errors, errors, bound)
    assert evidence(successes + errors + 1, errors + 1, bound) > here
    assert evidence(successes + errors + 1, errors, bound) < here


@given(BOUNDS, *[st.integers(0, 10**6)] * 4)
def test_any_figures_have_one_verdict(
    bound: float, remaining: int, successes: int, errors: int, lost: int
) -> None:
    found = verdict(Figures(remaining, successes + errors, errors, lost), bound)
    proven = exceeds(successes + errors, errors, bound)
    assert (found == CanaryState.FAILED) == proven
    assert (found == CanaryState.RUNNING) == (remaining > 0 and not proven)


def test_nothing_measured_proves_nothing() -> None:
    assert evidence(0, 0, 0.1) == pytest.approx(0)
    assert not exceeds(0, 0, 0.1)


@pytest.mark.parametrize(
    ("measured", "errors", "lost", "state"),
    [
        (2000, 60, 0, CanaryState.PASSED),
        (2000, 180, 0, CanaryState.PASSED),
        (2000, 0, 0, CanaryState.PASSED),
        (50, 0, 0, CanaryState.PASSED),
        (2000, 600, 0, CanaryState.FAILED),
        (50, 25, 1950, CanaryState.FAILED),
        (2000, 250, 0, CanaryState.UNDECIDED),
        (50, 7, 0, CanaryState.UNDECIDED),
        (5, 0, 0, CanaryState.UNDECIDED),
        (900, 27, 1100, CanaryState.UNMEASURABLE),
        (0, 0, 2000, CanaryState.UNMEASURABLE),
        (0, 0, 0, CanaryState.UNMEASURABLE),
        (60, 7, 55, CanaryState.UNMEASURABLE),
        (1100, 33, 900, CanaryState.PASSED),
    ],
)
def test_a_canary_that_has_ended(measured: int, errors: int, lost: int, state: CanaryState) -> None:
    assert ended(measured, errors, lost) == state


@given(BOUNDS, st.integers(1, 5_000), st.data())
def test_as_many_members_more_as_it_says_would_decide(
    bound: float, measured: int, data: st.DataObject
) -> None:
    errors = data.draw(st.integers(0, measured))
    if verdict(Figures(0, measured, errors, 0), bound) != CanaryState.UNDECIDED:
        return
    whole = measured + members_to_decide(measured, errors, bound)
    assert whole > measured
    found = verdict(Figures(0, whole, round(whole * errors / measured), 0), bound)
    assert found in (CanaryState.PASSED, CanaryState.FAILED) or whole >= 10**9


def canaries(rate: float, seed: str) -> list[tuple[CanaryState, int]]:
    """What 200 canaries of 2,000 come to, looked at after each chunk, and after how many."""
    draw = random.Random(seed)

    def canary() -> tuple[CanaryState, int]:
        errors = 0
        for measured in range(50, 2_001, 50):
            errors += sum(draw.random() < rate for _ in range(50))
            state = verdict(Figures(2_000 - measured, measured, errors, 0), 0.1)
            if state != CanaryState.RUNNING:
                return state, measured
        raise AssertionError("it has ended")

    return [canary() for _ in range(200)]


def test_a_healthy_campaign_near_its_bound_is_not_stopped() -> None:
    states = [state for state, _ in canaries(0.09, "healthy")]
    assert len(states) == 200
    assert states.count(CanaryState.PASSED) >= 199


def test_a_sick_one_is_stopped_after_a_few_chunks() -> None:
    found = canaries(0.3, "sick")
    assert {state for state, _ in found} == {CanaryState.FAILED}
    assert sorted(measured for _, measured in found)[100] <= 100
