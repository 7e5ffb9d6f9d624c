"""A campaign that is to end by a time: its rate, planned anew, and what is said if it is late."""

from datetime import timedelta

import pytest

from dispatcher.books import fleet, sendable, transitions, upkeep
from dispatcher.books.upkeep import Duty
from dispatcher.errors import ImpossibleInState, OptionError
from dispatcher.schedule import parse_windows
from tests.integration.builders import ACCEPTED, TERMS, Books, OneCampaign

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def planned_anew(campaign: OneCampaign) -> float:
    """The rate after a sweep."""
    campaign.do(transitions.roll_up)
    assert campaign.id in campaign.books.needing(Duty.PLAN)
    campaign.books.do(upkeep.fulfil, Duty.PLAN, [campaign.id], TERMS)
    rate = campaign.shown().planned_rate
    assert rate is not None
    return rate


def test_the_rate_is_planned_anew_by_what_is_left(books: Books) -> None:
    campaign = books.campaign(100, finish_by=books.now() + 1000 * SECOND)
    assert campaign.shown().planned_rate == pytest.approx(100 / 980, rel=0.02)
    campaign.attempts_each(ACCEPTED, range(1, 51))
    assert planned_anew(campaign) == pytest.approx(50 / 980, rel=0.05)
    books.time_passes(750 * SECOND)
    assert planned_anew(campaign) == pytest.approx(50 / 240, rel=0.1)


def test_the_plan_is_never_above_the_campaigns_rate_and_says_so(books: Books) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = books.campaign(100, rate=2.0, finish_by=books.now() + 100 * SECOND)
    books.time_passes(90 * SECOND)
    books.do(fleet.seen, "w/1", 4)
    assert planned_anew(campaign) == 2.0
    hold = campaign.shown().held
    assert hold is not None
    assert hold.by == "rate"
    assert "It cannot end by" in hold.words
    assert hold.words.endswith("requests a second, and 2 are allowed.")
    books.time_passes(20 * SECOND)
    books.do(fleet.seen, "w/1", 4)
    late = campaign.shown().held
    assert late is not None
    assert late.words.startswith("It should have ended by")


def test_a_worker_is_told_the_lower_of_both_rates(books: Books) -> None:
    campaign = books.campaign(100, rate=0.5, finish_by=books.now() + HOUR)
    found = campaign.do(sendable.read)
    assert found.rate == campaign.shown().planned_rate == pytest.approx(100 / 3598, rel=0.01)


def test_what_cannot_be_made_is_refused_with_the_earliest_time(books: Books) -> None:
    campaign = books.campaign(100, rate=2.0)
    now = books.now()
    with pytest.raises(OptionError, match="100 requests cannot end by") as refused:
        campaign.do(transitions.set_finish_by, now + 30 * SECOND)
    earliest = str(refused.value).rpartition(" is ")[2].rstrip(".")
    assert (now + 50 * SECOND).isoformat(timespec="minutes")[:15] in earliest
    assert "at 2 requests a second" in str(refused.value)
    assert campaign.shown().finish_by is None
    campaign.do(transitions.set_finish_by, now + 60 * SECOND)
    assert campaign.shown().planned_rate == pytest.approx(100 / 58, rel=0.02)


def test_the_workers_limit_counts(books: Books) -> None:
    books.do(fleet.seen, "w/1", 4, 1.0)
    campaign = books.campaign(100)
    with pytest.raises(OptionError, match="at 1 request a second"):
        campaign.do(transitions.set_finish_by, books.now() + 30 * SECOND)


def test_the_accounts_limit_as_it_is_told_counts(books: Books) -> None:
    campaign = books.campaign(100)
    with pytest.raises(OptionError, match="at 1 request a second"):
        campaign.do(transitions.set_finish_by, books.now() + 30 * SECOND, 1.0)


def test_only_the_time_inside_of_its_windows_counts(books: Books) -> None:
    opens = books.now() + 2 * HOUR
    window = f"mon-sun {opens:%H:%M}-{opens + HOUR:%H:%M} {'UTC'}"
    end = books.now() + 24 * HOUR
    campaign = books.campaign(3600, windows=parse_windows(window), finish_by=end)
    assert campaign.shown().planned_rate == pytest.approx(3600 / 3598, rel=0.02)
    with pytest.raises(OptionError, match="cannot end by"):
        campaign.do(transitions.set_finish_by, books.now() + HOUR)


def test_windows_that_rule_its_end_out_are_refused_and_others_plan_anew(books: Books) -> None:
    campaign = books.campaign(100, rate=1.0, finish_by=books.now() + 24 * HOUR)
    opens = books.now() + 2 * HOUR
    too_short = f"mon-sun {opens:%H:%M}-{opens + timedelta(minutes=1):%H:%M} UTC"
    with pytest.raises(OptionError, match="100 requests cannot end by"):
        campaign.do(transitions.set_windows, parse_windows(too_short))
    assert campaign.shown().window == ()
    enough = f"mon-sun {opens:%H:%M}-{opens + HOUR:%H:%M} UTC"
    campaign.do(transitions.set_windows, parse_windows(enough))
    assert campaign.shown().planned_rate == pytest.approx(100 / 3598, rel=0.02)


def test_what_has_ended_or_takes_its_plan_back_has_none(books: Books) -> None:
    campaign = books.campaign(2, finish_by=books.now() + HOUR)
    campaign.do(transitions.set_finish_by, None)
    shown = campaign.shown()
    assert (shown.finish_by, shown.planned_rate) == (None, None)
    assert books.needing(Duty.PLAN) == []
    campaign.do(transitions.cancel)
    with pytest.raises(ImpossibleInState, match="its end is no plan any more"):
        campaign.do(transitions.set_finish_by, books.now() + HOUR)
