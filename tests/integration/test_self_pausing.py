"""When a campaign pauses by itself, and with which words."""

from datetime import timedelta

import pytest

from dispatcher.books import transitions
from dispatcher.lifecycle import MOST_REJECTIONS, CampaignWrong, Outcome, Reason, name_of
from tests.integration.builders import (
    ACCEPTED,
    ALREADY_SENT,
    NOBODY_FOUND,
    REFUSED,
    UNKNOWN_APP,
    WRONG,
    Books,
)
from tests.integration.racing import waiting_for_a_lock

WRONG_USER = CampaignWrong(Reason("Invalid value for field token", 400, 30))


def test_refused_credentials_pause_with_the_vendors_words(books: Books) -> None:
    campaign = books.campaign(3)
    campaign.attempt(ACCEPTED, 1)
    campaign.attempt(REFUSED, 2)
    shown = campaign.shown()
    assert shown.state == "paused"
    assert shown.reason == "The Push API refused it: Wrong user token *** (HTTP 401, code 11)."
    assert campaign.chunk(2).state == "pending"
    assert campaign.claim(3) is None


def test_the_pause_is_part_of_the_records_transaction(books: Books) -> None:
    campaign = books.campaign()
    claim = campaign.claimed()
    with books.engine.connect() as worker:
        assert transitions.record(worker, campaign.report(claim, REFUSED))
        assert (campaign.shown().state, campaign.states()) == ("running", ["sending"])
        worker.commit()
    assert (campaign.shown().state, campaign.states()) == ("paused", ["pending"])


def test_the_first_reason_stays(books: Books) -> None:
    campaign = books.campaign(2)
    claims = [campaign.claimed(1), campaign.claimed(2)]
    campaign.record(claims[0], REFUSED)
    reason = campaign.shown().reason
    campaign.record(claims[1], WRONG)
    assert campaign.shown().reason == reason


@pytest.mark.parametrize("outcome", [WRONG, UNKNOWN_APP], ids=name_of)
def test_a_wrong_message_pauses_while_nothing_was_delivered(books: Books, outcome: Outcome) -> None:
    campaign = books.campaign(2)
    campaign.attempt(outcome)
    assert campaign.shown().state == "paused"
    assert campaign.states() == ["rejected", "pending"]


@pytest.mark.parametrize("delivered", [ACCEPTED, ALREADY_SENT], ids=name_of)
def test_a_single_wrong_user_does_not_pause_what_delivers(books: Books, delivered: Outcome) -> None:
    campaign = books.campaign(2)
    campaign.attempt(delivered, 1)
    campaign.attempt(WRONG_USER, 2)
    assert campaign.shown().state == "running"


def test_more_than_five_rejected_of_the_last_fifty_pause(books: Books) -> None:
    campaign = books.campaign(60)
    campaign.attempts_each(ACCEPTED, range(1, 10))
    campaign.attempts_each(WRONG_USER, range(10, 10 + MOST_REJECTIONS))
    assert campaign.shown().state == "running"
    campaign.attempt(WRONG_USER, 20)
    shown = campaign.shown()
    assert shown.state == "paused"
    assert shown.reason == (
        "6 of its last 50 chunks were rejected: The Push API refused it: "
        "Invalid value for field token (HTTP 400, code 30)."
    )


def test_rejections_before_the_last_fifty_do_not_count(books: Books) -> None:
    campaign = books.campaign(60)
    campaign.attempt(ACCEPTED, 1)
    campaign.attempts_each(WRONG_USER, range(2, 2 + MOST_REJECTIONS))
    campaign.attempts_each(ACCEPTED, range(10, 59))
    campaign.attempt(WRONG_USER, 59)
    assert campaign.shown().state == "running"


def test_rejections_before_a_resume_do_not_count(books: Books) -> None:
    campaign = books.campaign(20)
    campaign.attempt(ACCEPTED, 1)
    campaign.attempts_each(WRONG_USER, range(2, 2 + MOST_REJECTIONS))
    campaign.do(transitions.pause)
    campaign.do(transitions.resume)
    campaign.attempt(WRONG_USER, 10)
    assert campaign.shown().state == "running"


def test_users_that_nobody_knows_never_pause(books: Books) -> None:
    campaign = books.campaign(12)
    campaign.attempts_each(NOBODY_FOUND, range(1, 12))
    assert campaign.shown().state == "running"
    campaign.attempt(ACCEPTED, 12)


def test_a_campaign_that_was_cancelled_stays_cancelled(books: Books) -> None:
    campaign = books.campaign()
    claim = campaign.claimed()
    campaign.do(transitions.cancel)
    assert campaign.record(claim, REFUSED)
    assert (campaign.shown().state, campaign.shown().reason) == ("cancelled", None)


def test_a_record_that_pauses_takes_the_campaigns_row_before_the_chunks(books: Books) -> None:
    campaign = books.campaign(2)
    claim = campaign.claimed()
    with books.engine.connect() as other:
        transitions.cancel(other, campaign.id)
        with waiting_for_a_lock(books.engine, lambda: campaign.record(claim, REFUSED)) as record:
            campaign.set_chunks(1, corruptions=1)
            other.commit()
    assert record.result()
    assert campaign.rolled_up().members.cancelled == 20
    assert campaign.shown().finished_at is not None
    assert timedelta(0) < books.now() - campaign.chunk().settled_at
