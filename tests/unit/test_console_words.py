"""Numbers and times, as the console's pages say them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from console.pages import words

THIN = words.THIN


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0"),
        (999, "999"),
        (1_000, f"1{THIN}000"),
        (1_234_567, f"1{THIN}234{THIN}567"),
        (12.34, "12.3"),
        (1_234.56, f"1{THIN}234"),
    ],
)
def test_numbers_have_thin_spaces(count: float, said: str) -> None:
    assert words.number(count) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 0, "0"),
        (0, 9, "0"),
        (1, 10**6, f"<{THIN}0.1"),
        (48, 1_000, "4.8"),
        (999_999, 10**6, f">{THIN}99.9"),
        (995, 1_000, "99.5"),
        (7, 7, "100"),
    ],
)
def test_a_share_is_nothing_or_all_only_where_it_is(part: int, whole: int, said: str) -> None:
    assert words.percent(part, whole) == f"{said}{THIN}%"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.2, f"<{THIN}1 s"),
        (45, "45 s"),
        (200, "3 min 20 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_a_moment_is_utc_until_a_script_knows_better() -> None:
    there = datetime(2026, 12, 1, 13, 3, 5, tzinfo=timezone(timedelta(hours=1)))
    assert words.moment(there) == words.moment(there.astimezone(UTC))
    assert words.moment(there) == (
        '<time datetime="2026-12-01T12:03:05.000Z" data-form="full">'
        "2026-12-01 12:03:05\N{NO-BREAK SPACE}UTC</time>"
    )
    assert words.moment(None) == words.NONE
