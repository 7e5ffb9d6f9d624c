"""A campaign's window in the books: nothing fresh begins outside of it; doubts are asked about."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from dispatcher.books import audit, fleet, transitions, upkeep
from dispatcher.books.upkeep import Duty
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import ChunkState
from dispatcher.schedule import parse_windows
from tests.integration.builders import (
    ACCEPTED,
    NOT_SENT,
    TERMS,
    WINDOW,
    Books,
    OneCampaign,
)
from tests.integration.test_publishing import plan

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
ALWAYS = parse_windows("mon-sun 00:00-24:00 UTC")


def closed(books: Books, chunks: int = 1) -> OneCampaign:
    """A campaign whose window opens in an hour."""
    opens_at = books.now() + HOUR
    campaign = books.campaign(chunks, windows=ALWAYS)
    return campaign.set(opens_at=opens_at, closes_at=opens_at + HOUR)


def planned(books: Books) -> list[int]:
    """The chunks that a round would publish."""
    return [sequence for batch in plan(books) for sequence in batch.sequences]


def stay_fresh(campaign: OneCampaign) -> None:
    del campaign


def come_back_unsent(campaign: OneCampaign) -> None:
    shut = campaign.books.rows("SELECT opens_at, closes_at FROM campaign")[0]._asdict()
    campaign.do(transitions.set_windows, None)
    campaign.attempt(NOT_SENT)
    campaign.books.account_is(failures=0)
    campaign.set(windows=["mon-sun 00:00-24:00 UTC"], **shut)


def be_retried(campaign: OneCampaign) -> None:
    campaign.set_chunks(
        1, state="rejected", settled_at=campaign.books.now(), error="No", http_status=400, code=33
    )
    assert campaign.do(transitions.retry, ChunkState.REJECTED) == 1


@pytest.mark.parametrize("become", [stay_fresh, come_back_unsent, be_retried])
def test_nothing_fresh_begins_outside_of_the_window(
    books: Books, become: Callable[[OneCampaign], None]
) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = closed(books)
    become(campaign)
    campaign.due(1)
    assert campaign.claim() is None
    assert planned(books) == []
    campaign.do(transitions.set_windows, ALWAYS)
    assert planned(books) == [1]
    assert campaign.claim() is not None


def test_what_is_in_doubt_is_asked_about_outside_of_the_window(books: Books) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = books.campaign(2).in_doubt(1)
    opens_at = books.now() + HOUR
    campaign.do(transitions.set_windows, ALWAYS)
    campaign.set(opens_at=opens_at, closes_at=opens_at + HOUR)
    assert planned(books) == [1]
    assert campaign.claimed(1).time_left > 30 * SECOND
    assert campaign.claim(2) is None


def test_a_fresh_chunk_has_to_begin_before_the_window_closes(books: Books) -> None:
    campaign = books.campaign(2, windows=ALWAYS)
    campaign.set(closes_at=books.now() + 7 * SECOND)
    assert 0 * SECOND < campaign.claimed(1).time_left <= 7 * SECOND
    campaign.set(closes_at=books.now() + timedelta(hours=5))
    assert campaign.claimed(2).time_left == WINDOW


def test_a_window_that_has_closed_stays_so_until_a_sweep_finds_the_next_opening(
    books: Books,
) -> None:
    campaign = books.campaign(2, windows=ALWAYS)
    campaign.attempt(ACCEPTED)
    books.time_passes(timedelta(days=30))
    assert campaign.claim(2) is None
    assert books.needing(Duty.TURN) == [campaign.id]
    assert books.do(upkeep.fulfil, Duty.TURN, [campaign.id], TERMS) == {campaign.id}
    assert books.needing(Duty.TURN) == []
    assert campaign.claim(2) is not None


def test_a_paused_campaign_s_window_turns_and_an_ended_one_s_does_not(books: Books) -> None:
    paused, cancelled = books.campaign(windows=ALWAYS), books.campaign(windows=ALWAYS)
    paused.do(transitions.pause)
    cancelled.do(transitions.cancel)
    books.time_passes(timedelta(days=30))
    assert books.needing(Duty.TURN) == [paused.id]


def test_a_zone_that_this_machine_does_not_know_is_that_campaign_s_trouble(books: Books) -> None:
    campaign = books.campaign(windows=ALWAYS)
    campaign.set(windows=["mon 00:00-24:00 Mars/Olympus"])
    books.time_passes(timedelta(days=30))
    with pytest.raises(LookupError, match="Mars/Olympus"):
        books.do(upkeep.fulfil, Duty.TURN, [campaign.id], TERMS)
    assert campaign.claim() is None


def test_what_holds_it_and_until_when_is_said(books: Books) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = closed(books, 2)
    opens_at = books.rows("SELECT opens_at FROM campaign")[0].opens_at
    hold = campaign.shown().held
    assert hold is not None
    assert (hold.by, hold.until) == ("window", opens_at)
    assert hold.words == "It is outside its window: mon-sun 00:00-24:00 UTC."
    (waits_for,) = campaign.do(audit.explain, WINDOW).waits_for
    assert waits_for == f"its window until {opens_at.isoformat()}: mon-sun 00:00-24:00 UTC"
    campaign.do(transitions.set_windows, None)
    assert campaign.shown().held is None
    assert campaign.shown().window == ()


def test_a_window_holds_nothing_where_only_doubts_are_left(books: Books) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = books.campaign(windows=ALWAYS).in_doubt(1)
    opens_at = books.now() + HOUR
    campaign.set(opens_at=opens_at, closes_at=opens_at + HOUR)
    assert campaign.shown().held is None


def test_what_has_ended_takes_no_window(books: Books) -> None:
    campaign = books.campaign()
    campaign.do(transitions.cancel)
    with pytest.raises(ImpossibleInState, match="it has no window any more"):
        campaign.do(transitions.set_windows, ALWAYS)
