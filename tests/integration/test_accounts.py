"""Accounts on hold: when everybody rests, for how long, and what ends it."""

from datetime import timedelta
from itertools import pairwise

import pytest

from dispatcher.books import accounts, fleet, transitions
from dispatcher.errors import AccountNotFound
from dispatcher.lifecycle import (
    FAILURES_BEFORE_HOLD,
    MOST_DOUBTS,
    Outcome,
    Reason,
    Throttled,
    name_of,
)
from tests.integration.builders import (
    ACCEPTED,
    ALREADY_SENT,
    BUSY,
    CORRUPTED,
    IN_DOUBT,
    NOBODY_FOUND,
    NOT_SENT,
    THROTTLED,
    WRONG,
    Books,
    OneCampaign,
)

SECOND = timedelta(seconds=1)
TOO_MANY = Throttled(Reason("Too many requests", 429))


def fail(campaign: OneCampaign, times: int) -> None:
    """So many attempts in a row that cannot be sent, each as soon as it may begin."""
    for _ in range(times):
        campaign.books.account_is(hold_until=None)
        campaign.due(1)
        campaign.attempt(NOT_SENT)


@pytest.mark.parametrize("outcome", [THROTTLED, BUSY], ids=["429", "503"])
def test_the_account_rests_as_long_as_the_vendor_asked(books: Books, outcome: Outcome) -> None:
    campaign = books.campaign(2)
    campaign.attempt(outcome)
    rest = books.account().hold_until - books.now()
    assert 10 * SECOND < rest <= 30 * SECOND
    assert books.account().hold_reason == "the Push API asked to wait"
    assert campaign.claim(2) is None


def test_whoever_is_throttled_without_a_time_rests_longer_each_time(books: Books) -> None:
    campaign = books.campaign(40)
    rests = []
    for sequence in range(1, 6):
        books.account_is(hold_until=None)
        campaign.attempt(TOO_MANY, sequence)
        account = books.account()
        rests.append(account.throttled_until - account.throttled_at)
        assert account.hold_until == account.throttled_until
        books.time_passes(rests[-1])
    assert all(later >= 1.5 * earlier for earlier, later in pairwise(rests))


def test_all_that_is_throttled_at_once_is_one_rest(books: Books) -> None:
    campaign = books.campaign(16)
    claims = [campaign.claimed(sequence) for sequence in range(1, 17)]
    for claim in claims:
        assert campaign.record(claim, TOO_MANY)
    account = books.account()
    assert account.throttles == 1
    assert account.hold_until - books.now() <= SECOND


def test_resuming_lifts_a_hold_and_begins_slowly(books: Books) -> None:
    campaign = books.campaign(3)
    campaign.attempt(THROTTLED)
    books.do(transitions.resume_account, "default")
    account = books.account()
    assert (account.hold_until, account.hold_reason, account.throttles) == (None, None, 0)
    assert account.throttled_until <= books.now()
    assert campaign.claim(2) is not None


def test_resuming_an_account_that_cannot_be_reached_probes_at_once(books: Books) -> None:
    campaign = books.campaign(3)
    fail(campaign, FAILURES_BEFORE_HOLD)
    assert campaign.claim(2) is None
    books.do(transitions.resume_account, "default")
    assert campaign.claim(2) is not None
    assert campaign.claim(3) is None


def test_resuming_an_account_in_doubt_lets_a_clean_chunk_be_the_probe_at_once(
    books: Books,
) -> None:
    campaign = books.campaign(30)
    campaign.attempts_each(IN_DOUBT, range(1, MOST_DOUBTS + 1))
    campaign.set_chunks(*range(1, 11), state="unresolved", settled_at=books.now())
    assert campaign.claim(11) is None
    (account,) = books.do(accounts.read_all)
    assert account.hold_reason == "the Push API does not say what becomes of requests"
    assert account.hold_until > books.now()
    books.do(transitions.resume_account, "default")
    assert campaign.claim(11) is not None
    assert campaign.claim(12) is None


def test_nobody_resumes_an_account_that_is_not_there(books: Books) -> None:
    with pytest.raises(AccountNotFound, match=r"no account 'nobody'.*account list"):
        books.do(transitions.resume_account, "nobody")


def test_accounts_are_listed_with_what_holds_them(books: Books) -> None:
    books.campaign(account="second")
    campaign = books.campaign(2)
    campaign.attempt(THROTTLED)
    books.do(fleet.seen, "w/1", 4, 20.0)
    first, second = books.do(accounts.read_all)
    assert (first.name, first.rate, first.running) == ("default", 20.0, 1)
    assert first.hold_reason == "the Push API asked to wait"
    assert first.as_json()["hold_until"] == books.account().hold_until.isoformat()
    assert (second.name, second.hold_until, second.hold_reason) == ("second", None, None)


def test_a_shorter_hold_does_not_shorten_a_longer_one(books: Books) -> None:
    campaign = books.campaign()
    claim = campaign.claimed()
    long = books.now() + 100 * SECOND
    books.account_is(hold_until=long)
    assert campaign.record(claim, THROTTLED)
    assert books.account().hold_until == long


def test_nine_failures_in_a_row_are_only_counted(books: Books) -> None:
    fail(books.campaign(), FAILURES_BEFORE_HOLD - 1)
    account = books.account()
    assert (account.failures, account.hold_until, account.hold_reason) == (9, None, None)


def test_the_tenth_failure_in_a_row_holds_the_account(books: Books) -> None:
    fail(books.campaign(), FAILURES_BEFORE_HOLD)
    account = books.account()
    assert account.failures == 10
    assert account.hold_until > books.now()
    assert account.hold_reason == "the Push API cannot be reached"


@pytest.mark.parametrize(
    "outcome", [ACCEPTED, ALREADY_SENT, NOBODY_FOUND, WRONG, CORRUPTED], ids=name_of
)
def test_any_reply_of_the_vendor_ends_the_failures_and_their_hold(
    books: Books, outcome: Outcome
) -> None:
    campaign = books.campaign(2)
    claim = campaign.claimed(2)
    fail(campaign, FAILURES_BEFORE_HOLD)
    assert campaign.record(claim, outcome)
    account = books.account()
    assert (account.failures, account.hold_until, account.hold_reason) == (0, None, None)


def test_silence_ends_nothing(books: Books) -> None:
    campaign = books.campaign(2)
    claim = campaign.claimed(2)
    fail(campaign, FAILURES_BEFORE_HOLD)
    before = books.account()
    assert campaign.record(claim, IN_DOUBT)
    after = books.account()
    assert (after.failures, after.hold_until) == (before.failures, before.hold_until)


def test_the_vendors_own_hold_outlasts_failures_and_their_end(books: Books) -> None:
    campaign = books.campaign(3)
    claims = [campaign.claimed(2), campaign.claimed(3)]
    books.account_is(failures=FAILURES_BEFORE_HOLD)
    assert campaign.record(claims[0], THROTTLED)
    asked = books.account().hold_until
    books.account_is(failures=FAILURES_BEFORE_HOLD)
    late = campaign.claim(1)
    assert late is None
    assert campaign.record(claims[1], NOT_SENT)
    assert books.account().hold_until == asked
    assert books.account().hold_reason == "the Push API asked to wait"


def test_a_reply_keeps_the_hold_that_the_vendor_asked_for(books: Books) -> None:
    campaign = books.campaign(3)
    claims = [campaign.claimed(sequence) for sequence in (1, 2, 3)]
    assert campaign.record(claims[0], THROTTLED)
    assert campaign.record(claims[1], NOT_SENT)
    assert campaign.record(claims[2], ACCEPTED)
    account = books.account()
    assert (account.failures, account.hold_reason) == (0, "the Push API asked to wait")
    assert account.hold_until > books.now()


def test_who_lost_the_lease_says_nothing_about_the_account(books: Books) -> None:
    campaign = books.campaign()
    claim = campaign.attempt(IN_DOUBT)
    books.account_is(failures=3)
    assert not campaign.record(claim, NOBODY_FOUND)
    assert not campaign.record(claim, NOT_SENT)
    assert books.account().failures == 3
