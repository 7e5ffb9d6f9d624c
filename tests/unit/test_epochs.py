"""Whether books have gone on, or are an older copy of themselves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.epochs import MOST_BEATS, MOST_LAG, Mark, Standing, latest, why_fenced

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
HERE = Mark("books", epoch=2, epoch_id="e2", beat=100, beat_at=NOON, timeline=1)
LATER = NOON + timedelta(hours=1)
TEXTUAL = HERE.as_text().replace('"epoch": 2', '"epoch": "2"')
WITHOUT_ZONE = HERE.as_text().replace("+00:00", "")


def why(here: Mark, *outside: Mark) -> str | None:
    return why_fenced(Standing(here, "1/2/3", "1/2/3"), outside)


@pytest.mark.parametrize(
    "outside",
    [
        (),
        (HERE,),
        (replace(HERE, beat=99),),
        (replace(HERE, epoch=1, epoch_id="e1", beat=500),),
        (replace(HERE, books="others", epoch=7, beat=500),),
    ],
)
def test_books_that_have_gone_on_may_be_sent_from(outside: tuple[Mark, ...]) -> None:
    assert why(HERE, *outside) is None


@pytest.mark.parametrize(
    ("outside", "words"),
    [
        (replace(HERE, beat=101, beat_at=LATER), "had gone on until 2026-11-30T13:00:00+00:00"),
        (replace(HERE, epoch=3, epoch_id="e3", beat=1), "of epoch 2, and epoch 3 had begun"),
        (replace(HERE, epoch_id="another", beat=1), "two copies of them have begun an epoch 2"),
        (replace(HERE, beat=1, timeline=2), "a server that was promoted in place of this one"),
    ],
)
def test_older_copies_may_not(outside: Mark, words: str) -> None:
    assert words in (why(HERE, replace(HERE, beat=1), outside) or "")


def test_nor_may_a_copy_in_another_place() -> None:
    assert "restored from a dump" in (why_fenced(Standing(HERE, "1/2/3", "1/2/4"), []) or "")


@pytest.mark.parametrize(("lag", "goes_on"), [(MOST_LAG, True), (MOST_LAG * 1.1, False)])
def test_a_promoted_standby_may_lack_a_little_of_the_end(lag: timedelta, *, goes_on: bool) -> None:
    ahead = replace(HERE, beat=100 + MOST_BEATS + 1, beat_at=NOON + lag)
    assert (why(replace(HERE, timeline=2), ahead) is None) == goes_on
    assert why(HERE, ahead) is not None


def test_a_promoted_standby_may_lack_the_one_beat_after_a_night() -> None:
    assert why(replace(HERE, timeline=2), replace(HERE, beat=101, beat_at=LATER)) is None


@given(
    st.builds(
        Mark,
        books=st.uuids().map(str),
        epoch=st.integers(1, 2**31 - 1),
        epoch_id=st.uuids().map(str),
        beat=st.integers(0, 2**63 - 1),
        beat_at=st.datetimes(timezones=st.just(UTC)),
        timeline=st.integers(1, 2**31 - 1),
    )
)
def test_a_mark_is_read_as_it_was_written(mark: Mark) -> None:
    assert Mark.of_text(mark.as_text()) == mark


@pytest.mark.parametrize(
    "written", ["", "{", "[]", "null", "{}", '{"beat_at": 5}', TEXTUAL, WITHOUT_ZONE, "\0" * 40]
)
def test_what_a_crash_leaves_is_no_mark(written: str) -> None:
    assert Mark.of_text(written) is None


def test_the_latest_epoch_among_marks_is_that_of_none_where_there_is_none() -> None:
    assert latest([]) == 0
    assert latest([HERE, replace(HERE, epoch=5)]) == 5
