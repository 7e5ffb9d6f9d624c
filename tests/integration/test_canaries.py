"""A canary and a bound on errors in the books: what waits, what stops, and who goes on."""

from datetime import timedelta

import pytest

from dispatcher import checkup
from dispatcher.books import fleet, making, monitoring, transitions, upkeep
from dispatcher.books.running import anything_due
from dispatcher.books.session import transaction
from dispatcher.books.transitions import Report
from dispatcher.books.upkeep import Duty
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import Accepted, CampaignWrong, Reason
from tests.integration.builders import (
    ALREADY_SENT,
    IN_DOUBT,
    NOBODY_FOUND,
    TERMS,
    WINDOW,
    WRONG,
    Books,
    OneCampaign,
    add_chunks,
    new_campaign,
)
from tests.model.invariants import books_are_sound
from tests.model.stage import with_members

GOOD = Accepted(audience=10, successful=10, erroneous=0, error_details="[]")
BAD = Accepted(audience=10, successful=4, erroneous=6, error_details="[]")
SOME = Accepted(audience=10, successful=8, erroneous=2, error_details="[]")


def with_canary(books: Books, first: int = 10, chunks: int = 20) -> OneCampaign:
    """A campaign whose first chunks are its canary, at a bound of 10 %."""
    new = new_campaign(chunks, canary=10 * first, max_error_rate=0.1)
    with transaction(books.engine) as connection:
        assert making.create(connection, new) == new.id
        add_chunks(connection, new.id, chunks)
    campaign = OneCampaign(books, new.id)
    campaign.set_chunks(*range(1, first + 1), canary=True)
    return campaign


def sum_up(campaign: OneCampaign) -> None:
    """As a sweep does."""
    campaign.books.do(upkeep.fulfil, Duty.SUM_UP, [campaign.id], TERMS)


def judged(campaign: OneCampaign) -> tuple[str, str]:
    """The states of the campaign and its canary after a sweep."""
    if campaign.id in campaign.books.needing(Duty.SUM_UP):
        sum_up(campaign)
    shown = campaign.shown()
    assert shown.canary is not None
    return shown.state, shown.canary.state


def accept(campaign: OneCampaign, bound: float | None = None) -> None:
    campaign.do(transitions.accept_canary, bound)


def test_the_rest_waits_for_the_canary(books: Books) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = with_canary(books)
    assert campaign.claim(11) is None
    assert campaign.publish() == []
    assert campaign.do(transitions.mark_published, count=9, fresh=9, only_canary=True) == [
        *range(1, 10)
    ]
    assert books.do(anything_due)
    campaign.attempts_each(GOOD, range(1, 10))
    claim = campaign.claimed(10)
    assert not books.do(anything_due)
    assert judged(campaign) == ("running", "running")
    held = campaign.shown().held
    assert held is not None
    assert (held.by, held.words) == (
        "canary",
        "The rest waits for its canary: of 100 members 90 are measured so far, 0 of them errors.",
    )
    campaign.record(claim, GOOD)
    assert judged(campaign) == ("running", "passed")
    assert campaign.shown().held is None
    assert campaign.claim(11) is not None


def test_what_is_in_doubt_is_asked_about_whatever_waits(books: Books) -> None:
    campaign = with_canary(books)
    campaign.set(awaits_verdict=False)
    campaign.in_doubt(15)
    campaign.set(awaits_verdict=True)
    assert campaign.publish() == [15]
    assert campaign.claim(15) is not None


def test_too_many_errors_pause_at_any_look(books: Books) -> None:
    campaign = with_canary(books)
    campaign.attempts_each(BAD, range(1, 4))
    assert judged(campaign) == ("paused", "failed")
    shown = campaign.shown()
    assert shown.reason == (
        "Its canary failed: 18 of 30 measured members (60 %) are errors, 10 % may be. "
        f"`dispatcher canary {str(campaign.id)[:8]} accept` goes on without the bound; "
        "--max-error-rate gives another."
    )
    assert shown.canary is not None
    assert (shown.canary.members, shown.canary.measured, shown.canary.errors) == (100, 30, 18)
    assert shown.held is not None
    assert (shown.held.by, shown.held.words) == ("canary", shown.reason)
    assert campaign.claim(4) is None


def test_whom_we_rejected_is_an_error_and_whom_nobody_knows_is_none(books: Books) -> None:
    campaign = with_canary(books)
    campaign.attempts_each(GOOD, (1, 2, 3))
    campaign.attempt(WRONG, 4)
    campaign.attempt(NOBODY_FOUND, 5)
    judged(campaign)
    canary = campaign.shown().canary
    assert canary is not None
    assert (canary.measured, canary.errors) == (40, 10)


def test_what_is_close_above_the_bound_is_undecided(books: Books) -> None:
    campaign = with_canary(books)
    campaign.attempts_each(SOME, range(1, 8))
    campaign.attempts_each(GOOD, range(8, 11))
    assert judged(campaign) == ("paused", "undecided")
    assert (campaign.shown().reason or "").startswith(
        "Its canary is undecided: 14 of 100 measured members (14 %) are errors, 10 % may be. Some "
    )


def test_replies_that_were_lost_are_no_good_ones(books: Books) -> None:
    campaign = with_canary(books)
    campaign.attempts_each(GOOD, range(1, 5))
    campaign.attempts_each(ALREADY_SENT, range(5, 10))
    campaign.in_doubt(10)
    assert judged(campaign) == ("running", "running")
    campaign.books.time_passes(WINDOW)
    campaign.do(transitions.settle_closed_windows, WINDOW)
    assert judged(campaign) == ("paused", "unmeasurable")
    assert (campaign.shown().reason or "").startswith(
        "Its canary is unmeasurable: of its 100 members 40 were measured, and what became of 60 is "
        "not known. "
    )


@pytest.mark.parametrize("outcome", [BAD, ALREADY_SENT], ids=["failed", "unmeasurable"])
def test_only_acceptance_goes_on_and_then_to_the_end(books: Books, outcome: Accepted) -> None:
    campaign = with_canary(books)
    campaign.attempts_each(outcome, range(1, 11))
    state = judged(campaign)
    with pytest.raises(ImpossibleInState, match=r"`dispatcher canary .* accept` goes on"):
        campaign.do(transitions.resume)
    accept(campaign)
    assert (campaign.shown().state, campaign.shown().reason) == ("running", None)
    guarded = campaign.shown().max_error_rate
    assert guarded == (None if outcome is BAD else 0.1)
    campaign.attempts_each(BAD, range(11, 14))
    after = judged(campaign)
    assert after == (("running" if outcome is BAD else "paused"), state[1])
    if outcome is not BAD:
        assert (campaign.shown().reason or "").startswith("Too many errors: 18 of 30 measured")
        accept(campaign)
        assert campaign.shown().max_error_rate is None


def test_a_new_bound_begins_the_test_anew(books: Books) -> None:
    campaign = with_canary(books)
    claim = campaign.claimed(10)
    campaign.attempts_each(BAD, range(1, 4))
    judged(campaign)
    accept(campaign, 0.7)
    campaign.record(claim, BAD)
    campaign.attempts_each(BAD, range(11, 16))
    assert judged(campaign)[0] == "running"
    row = books.rows("SELECT * FROM campaign WHERE id = :id", id=campaign.id)[0]
    assert (row.guard_measured, row.guard_errors, row.max_error_rate) == (60, 36, 0.7)


def test_the_bound_guards_all_that_is_sent_with_and_without_a_canary(books: Books) -> None:
    for campaign in (with_canary(books, 8, 30), books.campaign(30, max_error_rate=0.1)):
        campaign.attempts_each(GOOD, range(1, 9))
        sum_up(campaign)
        assert campaign.shown().state == "running"
        campaign.attempts_each(BAD, range(9, 15))
        sum_up(campaign)
        shown = campaign.shown()
        assert shown.state == "paused"
        assert (shown.reason or "").startswith("Too many errors: 36 of 140 measured members")
        assert campaign.claim(15) is None
        with pytest.raises(ImpossibleInState, match="accept"):
            campaign.do(transitions.resume)
        accept(campaign)
        assert campaign.claim(15) is not None


def test_nothing_else_can_be_accepted(books: Books) -> None:
    running, passed, plain = with_canary(books), with_canary(books), books.campaign()
    passed.attempts_each(GOOD, range(1, 11))
    judged(passed)
    ended = with_canary(books)
    ended.do(transitions.cancel)
    for campaign, words in (
        (running, "is still running: there is nothing to accept"),
        (passed, "has passed: there is nothing to accept"),
        (plain, "has no canary, and too many errors did not stop it"),
        (ended, "is cancelled: there is nothing to accept"),
    ):
        with pytest.raises(ImpossibleInState, match=words):
            accept(campaign)


def test_what_ends_before_its_canary_leaves_it_undecided(books: Books) -> None:
    cancelled, expired = with_canary(books), with_canary(books)
    cancelled.attempt(GOOD)
    cancelled.do(transitions.cancel)
    expired.expire()
    for campaign, state in ((cancelled, "cancelled"), (expired, "expired")):
        assert judged(campaign) == (state, "undecided")
    expired.do(transitions.retry, "expired")
    assert judged(expired) == ("running", "running")
    assert expired.claim(11) is None
    expired.attempts_each(GOOD, range(1, 11))
    assert judged(expired) == ("running", "passed")


def test_a_retry_does_not_pass_by_a_canary_that_failed(books: Books) -> None:
    campaign = with_canary(books)
    campaign.attempts_each(BAD, range(1, 4))
    judged(campaign)
    campaign.expire()
    campaign.do(transitions.retry, "expired")
    assert campaign.claim(11) is None
    assert judged(campaign) == ("paused", "failed")


def test_an_operators_pause_is_no_way_round_either(books: Books) -> None:
    campaign = with_canary(books)
    claims = [campaign.claimed(sequence) for sequence in range(1, 4)]
    campaign.do(transitions.pause)
    for claim in claims:
        report: Report = campaign.report(claim, BAD)
        books.do(transitions.record, report)
    assert judged(campaign) == ("paused", "failed")
    with pytest.raises(ImpossibleInState, match="Its canary failed"):
        campaign.do(transitions.resume)
    held = campaign.shown().held
    assert held is not None
    assert held.by == "canary"


def test_a_canary_that_nobody_was_found_of_cannot_be_measured(books: Books) -> None:
    campaign = with_canary(books, first=2)
    campaign.attempts_each(NOBODY_FOUND, (1, 2))
    assert judged(campaign) == ("paused", "unmeasurable")
    assert "of its 20 members 0 were measured" in (campaign.shown().reason or "")


def test_whom_a_canary_loses_alone_is_one_error_and_the_others_stay_in_it(books: Books) -> None:
    campaign = with_members(with_canary(books, first=3, chunks=4), 4)
    campaign.attempts_each(GOOD, (2, 3))
    campaign.attempt(CampaignWrong(Reason("Invalid", 400, 30, "audience.token", 3)), 1)
    assert judged(campaign) == ("running", "running")
    campaign.attempt(Accepted(9, 9, 0), 5)
    assert judged(campaign) == ("running", "passed")
    canary = campaign.shown().canary
    assert canary is not None
    assert (canary.measured, canary.errors) == (30, 1)
    books.do(books_are_sound, campaign.id)


def test_what_waits_for_a_verdict_is_not_due(books: Books) -> None:
    campaign = with_canary(books, first=1)
    campaign.attempt(IN_DOUBT)
    books.time_passes(timedelta(minutes=5))
    books.account_is(doubts=0, doubtful_since=None, fresh_from=None)
    campaign.set_chunks(1, due_at=books.now() + timedelta(minutes=5))
    assert books.do(monitoring.measure, WINDOW).due.chunks == 0
    assert books.do(lambda connection: connection.scalar(checkup._WAITING)) == 0
    campaign.set(awaits_verdict=False)
    assert books.do(monitoring.measure, WINDOW).due.chunks == 19
    assert books.do(lambda connection: connection.scalar(checkup._WAITING)) == 1


def test_doubt_in_a_canary_is_waited_for(books: Books) -> None:
    campaign = with_canary(books, first=1, chunks=2)
    campaign.attempt(IN_DOUBT)
    assert judged(campaign) == ("running", "running")
    assert campaign.claim(2) is None
