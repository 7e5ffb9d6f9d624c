"""Accounts on hold: when everybody rests, for how long, and what ends it."""

from datetime import timedelta

import pytest

from dispatcher.lifecycle import FAILURES_BEFORE_HOLD, Outcome, name_of
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
    assert books.account() == before


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
