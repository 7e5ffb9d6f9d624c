"""Windows on each member's own clock, in the books."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dispatcher.books import fleet, transitions, upkeep
from dispatcher.books.upkeep import Duty
from dispatcher.errors import OptionError
from dispatcher.lifecycle import ChunkState
from dispatcher.schedule import due_in, parse_windows
from tests.integration.builders import NOT_SENT, TERMS, Books, OneCampaign
from tests.integration.test_windows import planned

HOUR = timedelta(hours=1)
AHEAD, BEHIND = "Etc/GMT-6", "Etc/GMT+6"
WHOLE_DAY = parse_windows("mon-sun 00:00-24:00 local")


def hours(zone: str, first: timedelta, last: timedelta, now: datetime) -> Any:
    """A window of the hours that lie so far from now, by the clock of this zone."""
    opens, closes = ((now + each).astimezone(ZoneInfo(zone)) for each in (first, last))
    return parse_windows(f"mon-sun {opens:%H:%M}-{closes:%H:%M} local")


def zoned(books: Books, windows: Any, **given: Any) -> OneCampaign:
    """A campaign of two chunks: the first's members are ahead of the second's by twelve hours."""
    books.do(fleet.seen, "w/1", 4)
    campaign = books.campaign(2, windows=windows, **given)
    for sequence, zone in enumerate((AHEAD, BEHIND), 1):
        due = due_in(windows, ZoneInfo(zone), books.now())
        campaign.set_chunks(sequence, zone=zone, due_at=due.at, closes_at=due.closes_at)
    return campaign


def where_it_is_closed(books: Books) -> OneCampaign:
    """One whose window is open ahead, and closed behind."""
    return zoned(books, hours(AHEAD, -2 * HOUR, 2 * HOUR, books.now()))


def turn(campaign: OneCampaign) -> None:
    assert campaign.books.do(upkeep.fulfil, Duty.TURN, [campaign.id], TERMS) == {campaign.id}


def test_a_chunk_begins_in_its_members_window_alone(books: Books) -> None:
    campaign = where_it_is_closed(books)
    assert planned(books) == [1]
    assert campaign.claim(2) is None
    assert campaign.claimed(1).time_left <= 2 * HOUR


def test_it_has_to_begin_before_its_zone_s_window_closes(books: Books) -> None:
    campaign = where_it_is_closed(books)
    campaign.set_chunks(1, closes_at=books.now() + timedelta(seconds=7))
    assert campaign.claimed(1).time_left <= timedelta(seconds=7)


def test_what_its_window_closed_over_waits_until_a_sweep_finds_the_next(books: Books) -> None:
    campaign = where_it_is_closed(books)
    (later,) = hours(AHEAD, 3 * HOUR, 4 * HOUR, books.now())
    campaign.set(windows=[later.text])
    campaign.set_chunks(1, closes_at=books.now())
    assert planned(books) == []
    assert campaign.claim(1) is None
    assert books.needing(Duty.TURN) == [campaign.id]
    turn(campaign)
    assert books.needing(Duty.TURN) == []
    opening = campaign.chunk(1)
    assert books.now() < opening.due_at < opening.closes_at
    assert f"{opening.due_at.astimezone(ZoneInfo(AHEAD)):%H:%M}-" in later.text


def test_a_paused_campaign_s_zones_turn_and_an_ended_one_s_do_not(books: Books) -> None:
    paused, cancelled = where_it_is_closed(books), where_it_is_closed(books)
    paused.do(transitions.pause)
    cancelled.set(state="cancelled")
    books.time_passes(3 * HOUR)
    assert books.needing(Duty.TURN) == [paused.id]


def come_back_unsent(campaign: OneCampaign) -> None:
    claim = campaign.claimed(1)
    later = hours(AHEAD, 3 * HOUR, 4 * HOUR, campaign.books.now())
    campaign.do(transitions.set_windows, later)
    assert campaign.record(claim, NOT_SENT)
    campaign.books.account_is(failures=0)


def be_retried(campaign: OneCampaign) -> None:
    later = hours(AHEAD, 3 * HOUR, 4 * HOUR, campaign.books.now())
    campaign.set_chunks(
        1, state="rejected", settled_at=campaign.books.now(), error="No", http_status=400, code=33
    )
    campaign.do(transitions.set_windows, later)
    assert campaign.do(transitions.retry, ChunkState.REJECTED) == 1


@pytest.mark.parametrize("become", [come_back_unsent, be_retried])
def test_what_comes_back_outside_of_its_window_waits_for_it(books: Books, become: Any) -> None:
    campaign = where_it_is_closed(books)
    become(campaign)
    campaign.due(1)
    assert campaign.claim(1) is None
    assert planned(books) == []
    turn(campaign)
    assert campaign.chunk(1).due_at > books.now() + 2 * HOUR


def test_what_is_in_doubt_is_asked_about_outside_of_the_window(books: Books) -> None:
    campaign = where_it_is_closed(books).in_doubt(1)
    campaign.set_chunks(1, closes_at=books.now() - HOUR)
    assert planned(books) == [1]
    assert campaign.claim(1) is not None


def test_it_may_be_changed_to_members_clocks_and_back(books: Books) -> None:
    fixed = parse_windows("mon-sun 00:00-24:00 UTC")
    campaign = where_it_is_closed(books)
    campaign.do(transitions.set_windows, fixed)
    assert planned(books) == [1]  # one until its first has ended
    assert campaign.chunk(2).closes_at is None
    assert campaign.claim(2) is not None
    campaign.do(transitions.set_windows, hours(BEHIND, HOUR, 2 * HOUR, books.now()))
    assert campaign.claim(1) is None
    campaign.do(transitions.set_windows, None)
    assert campaign.claim(1) is not None


def test_a_time_on_the_wall_is_kept_by_whatever_window_comes(books: Books) -> None:
    tomorrow = books.now().replace(tzinfo=None, microsecond=0) + timedelta(days=1)
    campaign = zoned(books, WHOLE_DAY, wall_time=tomorrow)
    for windows in (WHOLE_DAY, None, parse_windows("mon-sun 00:00-24:00 UTC"), WHOLE_DAY):
        campaign.do(transitions.set_windows, windows)
        assert campaign.chunk(1).due_at == tomorrow.replace(tzinfo=UTC) - 6 * HOUR
        assert campaign.chunk(2).due_at == tomorrow.replace(tzinfo=UTC) + 6 * HOUR


def test_members_clocks_that_nobody_knows_are_refused(books: Books) -> None:
    campaign = books.campaign()
    with pytest.raises(OptionError, match=r"`local` where it was sent with the column"):
        campaign.do(transitions.set_windows, WHOLE_DAY)
    assert campaign.shown().window == ()


def test_a_window_that_opens_nowhere_in_time_is_refused(books: Books) -> None:
    campaign = where_it_is_closed(books)
    campaign.set(expires_at=books.now() + HOUR)
    with pytest.raises(OptionError, match=r"the window opens at .* nothing could be sent there"):
        campaign.do(transitions.set_windows, hours(AHEAD, 3 * HOUR, 4 * HOUR, books.now()))


def test_whose_window_it_waits_for_and_until_when_is_said(books: Books) -> None:
    campaign = where_it_is_closed(books)
    assert campaign.shown().held is None
    campaign.set_chunks(1, state="cancelled", settled_at=books.now())
    hold = campaign.shown().held
    assert hold is not None
    assert (hold.by, hold.until) == ("window", campaign.chunk(2).due_at)
    assert hold.words.startswith("It is outside its members' windows: mon-sun ")


def test_whose_time_it_waits_for_is_told_from_its_window(books: Books) -> None:
    tomorrow = books.now().replace(tzinfo=None, microsecond=0) + timedelta(days=1)
    campaign = zoned(books, WHOLE_DAY, wall_time=tomorrow)
    campaign.do(transitions.set_windows, WHOLE_DAY)
    hold = campaign.shown().held
    assert hold is not None
    assert (hold.by, hold.until) == ("schedule", campaign.chunk(1).due_at)
    later = parse_windows(f"mon-sun {tomorrow + 2 * HOUR:%H:%M}-{tomorrow + 3 * HOUR:%H:%M} local")
    campaign.do(transitions.set_windows, later)
    hold = campaign.shown().held
    assert hold is not None
    assert (hold.by, hold.until) == ("window", campaign.chunk(1).due_at)
