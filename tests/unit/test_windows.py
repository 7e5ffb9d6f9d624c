"""Windows: which moments are inside, and when they open next."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dispatcher.errors import OptionError
from dispatcher.schedule import due_in, next_opening, parse_windows

MINUTE = timedelta(minutes=1)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",  # half an hour off
    "Asia/Kathmandu",  # a quarter
    "Australia/Lord_Howe",  # puts its clocks on by half an hour
    "America/St_Johns",
    "Pacific/Kiritimati",  # first to see a day,
    "Pacific/Pago_Pago",  # and last
    "Pacific/Apia",  # left a day out
    "Africa/Casablanca",  # puts its clocks back for a month
)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

days = st.one_of(
    st.sampled_from(DAYS),
    st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)).map("-".join),
    st.lists(st.sampled_from(DAYS), min_size=1, max_size=3).map(",".join),
)
times = st.integers(0, 24 * 60).map(lambda minutes: f"{minutes // 60:02}:{minutes % 60:02}")
windows = (
    st.tuples(days, times, times, st.sampled_from(ZONES))
    .filter(lambda parts: parts[1] not in (parts[2], "24:00"))
    .map(lambda parts: f"{parts[0]} {parts[1]}-{parts[2]} {parts[3]}")
)
moments = st.datetimes(
    datetime(2011, 12, 20), datetime(2027, 12, 31), timezones=st.just(UTC)
) | st.sampled_from(
    [  # nights in which clocks are changed, and the day that Samoa left out
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 10, 24, 22, tzinfo=UTC),
        datetime(2026, 11, 1, 4, tzinfo=UTC),
        datetime(2026, 10, 3, 12, tzinfo=UTC),
        datetime(2011, 12, 29, 20, tzinfo=UTC),
    ]
)


@given(st.lists(windows, min_size=1, max_size=3), moments, st.lists(st.floats(0, 1), max_size=20))
def test_an_opening_is_all_that_the_clocks_show_and_nothing_else(
    written: list[str], moment: datetime, places: list[float]
) -> None:
    parsed = parse_windows(written)

    def is_open(at: datetime) -> bool:
        return any(window.is_open(at) for window in parsed)

    opening = next_opening(parsed, moment)

    assert moment <= opening.opens_at < opening.closes_at
    assert is_open(opening.opens_at)
    assert is_open(opening.closes_at - timedelta(microseconds=1))
    for place in places:
        before = moment + (opening.opens_at - moment) * place
        assert not is_open(before) or before == opening.opens_at
        within = opening.opens_at + (opening.closes_at - opening.opens_at) * place
        assert is_open(within) or within == opening.closes_at
    if opening.closes_at - moment < timedelta(days=22):
        assert not is_open(opening.closes_at)


@pytest.mark.parametrize(
    ("window", "moment", "opens_at", "closes_at"),
    [
        # On Friday evening: Monday at nine, by a clock that was put on meanwhile.
        (
            "mon-fri 09:00-21:00 Europe/Berlin",
            "2026-03-27T22:00",
            "2026-03-30T07:00",
            "2026-03-30T19:00",
        ),
        # An hour that the clock skips is in no window ...
        (
            "sun 01:30-02:30 Europe/Berlin",
            "2026-03-28T22:00",
            "2026-03-29T00:30",
            "2026-03-29T01:00",
        ),
        (
            "sun 02:15-02:45 Europe/Berlin",
            "2026-03-28T22:00",
            "2026-04-05T00:15",
            "2026-04-05T00:45",
        ),
        # ... and one that it shows twice is open twice.
        (
            "sun 02:15-02:45 Europe/Berlin",
            "2026-10-24T22:00",
            "2026-10-25T00:15",
            "2026-10-25T00:45",
        ),
        (
            "sun 02:15-02:45 Europe/Berlin",
            "2026-10-25T00:50",
            "2026-10-25T01:15",
            "2026-10-25T01:45",
        ),
        # A night belongs to the day on which it begins.
        ("fri 22:00-06:00 UTC", "2026-11-28T01:00", "2026-11-28T01:00", "2026-11-28T06:00"),
        ("fri 22:00-06:00 UTC", "2026-11-27T01:00", "2026-11-27T22:00", "2026-11-28T06:00"),
        ("sat-mon 00:00-24:00 UTC", "2026-11-27T12:00", "2026-11-28T00:00", "2026-12-01T00:00"),
        ("mon 22:00-00:00 UTC", "2026-11-30T00:00", "2026-11-30T22:00", "2026-12-01T00:00"),
        # Half hours, and both sides of the date line.
        (
            "mon 09:00-10:00 Asia/Kolkata",
            "2026-11-30T00:00",
            "2026-11-30T03:30",
            "2026-11-30T04:30",
        ),
        (
            "mon 09:00-10:00 Pacific/Kiritimati",
            "2026-11-29T00:00",
            "2026-11-29T19:00",
            "2026-11-29T20:00",
        ),
        (
            "mon 09:00-10:00 Pacific/Pago_Pago",
            "2026-11-29T00:00",
            "2026-11-30T20:00",
            "2026-11-30T21:00",
        ),
        # Samoa had no 30th December 2011, a Friday.
        (
            "fri 09:00-10:00 Pacific/Apia",
            "2011-12-29T12:00",
            "2012-01-05T19:00",
            "2012-01-05T20:00",
        ),
        ("mon-sun 00:00-24:00 UTC", "2026-11-30T06:00", "2026-11-30T06:00", "2026-12-22T06:00"),
    ],
)
def test_when_a_window_opens(window: str, moment: str, opens_at: str, closes_at: str) -> None:
    opening = next_opening(parse_windows(window), _utc(moment))
    assert (opening.opens_at, opening.closes_at) == (_utc(opens_at), _utc(closes_at))


def test_windows_that_touch_are_one_opening() -> None:
    written = ["mon 09:00-12:00 UTC", "mon 12:00-15:00 UTC", "mon 14:00-17:00 Europe/Berlin"]
    opening = next_opening(parse_windows(written), _utc("2026-11-29T00:00"))
    assert opening.opens_at == _utc("2026-11-30T09:00")
    assert opening.closes_at == _utc("2026-11-30T16:00")


def test_a_window_is_kept_as_it_is_written() -> None:
    (window,) = parse_windows("  Mon-FRI   09:00-21:00 Europe/Berlin ")
    assert window.text == "mon-fri 09:00-21:00 Europe/Berlin"


REFUSED = {
    "": "is none",
    "always": "is none",
    "mon-fri 09:00-21:00": "It has no time zone.",
    "mon-fri 9-21 UTC": "Write it as `mon-fri 09:00-21:00 Europe/Berlin`",
    "mon 10:00-10:00 UTC": "never opens",
    "mon 24:00-02:00 UTC": "never opens",
    "mon 10:00-25:00 UTC": "no time of a day at 25:00",
    "mon 10:60-11:00 UTC": "no time of a day at 10:60",
    "mon 10:00-24:01 UTC": "no time of a day at 24:01",
    "montag 10:00-11:00 UTC": "no day 'montag'",
    "mon- 10:00-11:00 UTC": "no day ''",
    "mon 10:00-11:00 europe/berlin": "write Europe/Berlin",
    "mon 10:00-11:00 Europe": "no time zone 'Europe'",
    "mon 10:00-11:00 +02:00": "give one of IANA's",
    "mon 10:00-11:00 ../../etc/hosts": "give one of IANA's",
}


@pytest.mark.parametrize("written", list(REFUSED))
def test_what_is_no_window_is_refused_with_a_remedy(written: str) -> None:
    with pytest.raises(OptionError) as refused:
        parse_windows(written)
    assert REFUSED[written] in str(refused.value)


@pytest.mark.parametrize(
    ("written", "words"),
    [([], "No window"), ([5], "A window is a int"), (["mon 01:00-02:00 UTC"] * 11, "at most 10")],
)
def test_lists_that_hold_no_windows_are_refused(written: list[str], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        parse_windows(written)


def _utc(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


zones = st.sampled_from([zone for zone in ZONES if zone != "Pacific/Apia"])


@given(zones, times, times, moments)
def test_members_are_due_when_their_own_clock_shows_an_hour_of_the_window(
    zone: str, opens: str, closes: str, moment: datetime
) -> None:
    assume(opens not in (closes, "24:00"))
    (fixed,) = parse_windows(f"mon-sun {opens}-{closes} {zone}")
    due = due_in(parse_windows(f"mon-sun {opens}-{closes} local"), ZoneInfo(zone), moment)
    opening = next_opening([fixed], moment)
    assert (due.at, due.closes_at) == (opening.opens_at, opening.closes_at)
    assert fixed.is_open(due.at)


def test_a_window_on_members_clocks_is_none_by_itself() -> None:
    (window,) = parse_windows("MON-fri 09:00-21:00 Local")
    assert (window.text, window.zone) == ("mon-fri 09:00-21:00 Local", None)
    with pytest.raises(LookupError, match="one on each member's own clock"):
        window.is_open(datetime(2026, 11, 30, tzinfo=UTC))


def test_windows_of_one_zone_and_of_each_member_s_may_be_mixed() -> None:
    both = parse_windows(["mon 09:00-10:00 local", "tue 09:00-10:00 UTC"])
    monday = datetime(2026, 11, 30, tzinfo=UTC)
    tokyo = ZoneInfo("Asia/Tokyo")
    assert due_in(both, tokyo, monday).at == monday
    after = due_in(both, tokyo, monday + timedelta(hours=1))
    assert after.at == monday + timedelta(days=1, hours=9)
