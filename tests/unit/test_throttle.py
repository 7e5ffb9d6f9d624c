"""How long whoever signs in wrongly waits."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.throttle import (
    FIRST_WAIT,
    FREE,
    LONGEST_WAIT,
    MOST,
    MOST_OF_NETWORK,
    Attempts,
    network_of,
    wait,
)

NONE = Attempts(0, timedelta(0), 0, 0, False)
MOMENTS = st.timedeltas(min_value=timedelta(seconds=-5), max_value=timedelta(days=1))


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        (0, 0),
        (FREE - 1, 0),
        (FREE, 15),
        (FREE + 1, 30),
        (FREE + 4, 240),
        (FREE + 6, 900),
        (99, 900),
    ],
)
def test_a_few_slips_are_free_and_then_the_wait_doubles(failures: int, seconds: int) -> None:
    assert wait(replace(NONE, failures=failures)) == timedelta(seconds=seconds)


@given(st.integers(0, 10**6), MOMENTS)
def test_the_wait_ends_and_never_lasts_longer_than_the_longest(
    failures: int, ago: timedelta
) -> None:
    waits = wait(replace(NONE, failures=failures, ago=ago))
    assert timedelta(0) <= waits <= LONGEST_WAIT
    assert waits == timedelta(0) or ago < LONGEST_WAIT
    assert wait(replace(NONE, failures=failures + 1, ago=ago)) >= waits


@given(st.integers(0, 2 * MOST), st.integers(0, 2 * MOST))
def test_others_failures_delay_strangers_alone(of_network: int, of_all: int) -> None:
    stranger = replace(NONE, of_network=of_network, of_all=of_all)
    assert (wait(stranger) > timedelta(0)) == (of_network >= MOST_OF_NETWORK or of_all >= MOST)
    assert wait(replace(stranger, is_known=True)) == timedelta(0)
    delayed = wait(replace(stranger, is_known=True, failures=FREE))
    assert delayed == FIRST_WAIT


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48"),
        ("testclient", "unknown"),
        ("", "unknown"),
    ],
)
def test_neighbours_count_as_one(address: str, network: str) -> None:
    assert network_of(address) == network
