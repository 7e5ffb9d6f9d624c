"""When a zone's clock shows a time: on both nights of a change, by half hours, at the date line."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.schedule.clocks import moment_of, zone_named, zone_names


@pytest.mark.parametrize(
    ("wall", "zone", "moment"),
    [
        ("2026-11-24T10:00", "UTC", "2026-11-24T10:00"),
        ("2026-11-24T10:00", "Europe/Berlin", "2026-11-24T09:00"),
        ("2026-07-24T10:00", "Europe/Berlin", "2026-07-24T08:00"),
        # Put on at 01:00 UTC: the clock goes from 02:00 to 03:00.
        ("2026-03-29T01:59", "Europe/Berlin", "2026-03-29T00:59"),
        ("2026-03-29T02:00", "Europe/Berlin", "2026-03-29T01:00"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:00"),
        ("2026-03-29T03:00", "Europe/Berlin", "2026-03-29T01:00"),
        ("2026-03-29T03:30", "Europe/Berlin", "2026-03-29T01:30"),
        # Put back at 01:00 UTC: 02:30 is shown twice, and counts for the first time.
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30"),
        ("2026-10-25T03:00", "Europe/Berlin", "2026-10-25T02:00"),
        ("2026-11-24T10:00", "Asia/Kolkata", "2026-11-24T04:30"),
        ("2026-11-24T10:00", "Asia/Kathmandu", "2026-11-24T04:15"),
        # Half an hour is skipped on Lord Howe: from 02:00 to 02:30.
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:30"),
        # The same wall time, twenty-six hours apart.
        ("2026-11-24T10:00", "Pacific/Kiritimati", "2026-11-23T20:00"),
        ("2026-11-24T10:00", "Etc/GMT+12", "2026-11-24T22:00"),
        # A day that Samoa skipped.
        ("2011-12-30T10:00", "Pacific/Apia", "2011-12-30T10:00"),
    ],
)
def test_the_moment_of_a_time_on_the_wall(wall: str, zone: str, moment: str) -> None:
    found = zone_named(zone)
    assert found is not None
    expected = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert moment_of(datetime.fromisoformat(wall), found) == expected


@given(
    st.sampled_from(sorted(zone_names().values())),
    st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)),
)
def test_no_clock_shows_the_time_before_its_moment(name: str, wall: datetime) -> None:
    zone = zone_named(name)
    assert zone is not None
    moment = moment_of(wall, zone)
    shown = moment.astimezone(zone).replace(tzinfo=None)
    just_before = (moment - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
    assert just_before < wall <= shown


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "europe", "a" * 300, "\0"])
def test_what_is_no_zone_is_none(name: str) -> None:
    assert zone_named(name) is None
