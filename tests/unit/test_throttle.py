"""How long whoever signs in wrongly waits."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.throttle import (
    APART,
    FIRST_WAIT,
    FREE,
    LONGEST_WAIT,
    MOST,
    MOST_OF_NETWORK,
    Attempts,
    network_of,
    wait,
)

NONE = Attempts(0, timedelta(0), 0, timedelta(0), 0, False)
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
def test_others_failures_slow_strangers_alone_and_shut_nobody_out(
    of_network: int, of_all: int
) -> None:
    stranger = replace(NONE, of_network=of_network, of_all=of_all)
    is_crowded = of_network >= MOST_OF_NETWORK
    assert wait(stranger) == (APART if is_crowded else timedelta(0))
    assert wait(replace(stranger, network_ago=APART)) == timedelta(0)
    slipped = replace(stranger, network_ago=APART, failures=1)
    assert wait(slipped) == (FIRST_WAIT if is_crowded or of_all >= MOST else timedelta(0))
    known = replace(stranger, is_known=True)
    assert wait(replace(known, failures=FREE - 1)) == timedelta(0)
    assert wait(replace(known, failures=FREE)) == FIRST_WAIT


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
