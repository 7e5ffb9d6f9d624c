"""When a campaign will have ended, with the waiting for windows and zones in it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.schedule import Wave, foreseen_end, parse_windows

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
"""A Monday."""
HOUR = timedelta(hours=1)
MORNINGS = parse_windows("mon-fri 09:00-13:00 UTC")


def end(seconds: float, *waves: Wave, windows: object = None) -> timedelta:
    """How long after noon it ends."""
    return foreseen_end(seconds, windows, waves, NOON) - NOON  # type: ignore[arg-type]


def test_without_windows_and_zones_it_is_the_work() -> None:
    assert end(90) == timedelta(seconds=90)
    assert end(0) == timedelta(0)


def test_what_does_not_fit_into_todays_window_waits_for_the_next() -> None:
    assert end(1_800, windows=MORNINGS) == HOUR / 2
    assert end(5_400, windows=MORNINGS) == 21.5 * HOUR


@pytest.mark.parametrize(
    ("seconds", "parts", "hours"),
    [
        (3_600, [(2, 0.5)], 2.5),  # half now, half at two: it waits in between
        (3_600, [(0.25, 0.5)], 1),  # the wave comes while the first half is on its way
        (3_600, [(3, 0.25), (1, 0.75)], 3.25),  # in the order of their times
        (3_600, [(6, 1.0)], 7),
    ],
)
def test_a_zone_begins_when_its_time_has_come_and_those_before_have_ended(
    seconds: float, parts: list[tuple[float, float]], hours: float
) -> None:
    waves = [Wave(NOON + hour * HOUR, part) for hour, part in parts]
    assert end(seconds, *waves) == hours * HOUR


def test_a_zone_s_time_outside_of_the_window_waits_for_that_too() -> None:
    assert end(3_600, Wave(NOON + 3 * HOUR, 1.0), windows=MORNINGS) == 22 * HOUR


@given(st.floats(0, 1e6), st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 0.1)), max_size=9))
def test_it_is_never_before_the_work_nor_before_the_last_wave(
    seconds: float, parts: list[tuple[float, float]]
) -> None:
    waves = [Wave(NOON + timedelta(seconds=at), part) for at, part in parts]
    found = end(seconds, *waves).total_seconds()
    last = max((at for at, part in parts if part), default=0.0)
    assert found >= max(seconds, last) - 0.001
    assert found <= seconds + last + 0.001
