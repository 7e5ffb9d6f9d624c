"""Ending by a time: the rate that makes it, inside of windows and without."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.schedule import end_of, needed_rate, open_for, parse_windows
from dispatcher.schedule import windows as windows_module

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


def test_a_plan_costs_the_same_however_far_away_its_end_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[datetime] = []
    real = windows_module.Window.is_open

    def counted(window: windows_module.Window, moment: datetime) -> bool:
        looks.append(moment)
        return real(window, moment)

    monkeypatch.setattr(windows_module.Window, "is_open", counted)
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    most = parse_windows([f"{days[n % 7]} 0{n}:00-1{n}:30 Asia/Kolkata" for n in range(10)])
    for year in (2027, 2199):
        looks.clear()
        assert needed_rate(1_000, most, NOON, NOON.replace(year=year)) > 0
        assert len(looks) < 10_000


def test_beyond_two_weeks_it_is_taken_to_go_on_so() -> None:
    time = open_for(MORNINGS, NOON, NOON + timedelta(days=364))
    assert time == pytest.approx(52 * 15 * HOUR, rel=0.02)
    assert end_of(MORNINGS, NOON, time.total_seconds()) - NOON == pytest.approx(
        timedelta(days=364), rel=0.01
    )


def test_only_the_time_inside_of_windows_counts() -> None:
    friday = NOON + timedelta(days=4)
    assert open_for(MORNINGS, NOON, friday) == 12 * HOUR
    assert end_of(MORNINGS, NOON, 4 * 3600) == NOON + timedelta(days=2) - 2 * HOUR


@pytest.mark.parametrize("end", [NOON, NOON - HOUR, NOON + timedelta(seconds=0.1)])
def test_what_is_late_goes_as_fast_as_it_may(end: datetime) -> None:
    assert needed_rate(10, None, NOON, end) == 20
