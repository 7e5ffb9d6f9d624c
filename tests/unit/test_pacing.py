"""Ending by a time: the rate that makes it, inside of windows and without."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.schedule import end_of, needed_rate, open_for, parse_windows

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MORNINGS = parse_windows("mon-fri 09:00-12:00 UTC")
WINDOWS = st.sampled_from([None, MORNINGS, parse_windows("sat,sun 22:00-02:00 Asia/Kolkata")])


@given(WINDOWS, st.floats(1, 1_000_000))
def test_what_is_sent_for_so_long_ends_when_there_was_so_much_time(
    windows: tuple[object, ...] | None, seconds: float
) -> None:
    end = end_of(windows, NOON, seconds)  # type: ignore[arg-type]
    time = open_for(windows, NOON, end).total_seconds()  # type: ignore[arg-type]
    assert time == pytest.approx(seconds, abs=0.01)


@given(WINDOWS, st.integers(1, 100_000), st.floats(3600, 2_000_000))
def test_at_the_planned_rate_all_end_in_time_and_not_long_before(
    windows: tuple[object, ...] | None, requests: int, seconds: float
) -> None:
    end = end_of(windows, NOON, seconds)  # type: ignore[arg-type]
    rate = needed_rate(requests, windows, NOON, end)  # type: ignore[arg-type]
    assert 0.95 * seconds <= requests / rate <= seconds


def test_only_the_time_inside_of_windows_counts() -> None:
    friday = NOON + timedelta(days=4)
    assert open_for(MORNINGS, NOON, friday) == 12 * HOUR
    assert end_of(MORNINGS, NOON, 4 * 3600) == NOON + timedelta(days=2) - 2 * HOUR


@pytest.mark.parametrize("end", [NOON, NOON - HOUR, NOON + timedelta(seconds=0.1)])
def test_what_is_late_goes_as_fast_as_it_may(end: datetime) -> None:
    assert needed_rate(10, None, NOON, end) == 20
