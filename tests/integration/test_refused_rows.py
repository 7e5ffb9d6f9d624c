"""Rows that cannot be: the database itself refuses them."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from tests.integration.builders import ACCEPTED, NOBODY_FOUND, Books, OneCampaign


def delivered_without_numbers(campaign: OneCampaign) -> None:
    campaign.attempt(ACCEPTED)
    campaign.set_chunks(1, audience=None, successful=None, erroneous=None)


def numbers_without_delivery(campaign: OneCampaign) -> None:
    campaign.set_chunks(1, audience=1, successful=1, erroneous=0)


def half_of_the_numbers(campaign: OneCampaign) -> None:
    campaign.attempt(ACCEPTED)
    campaign.set_chunks(1, erroneous=None)


def sending_without_a_lease(campaign: OneCampaign) -> None:
    campaign.claimed()
    campaign.set_chunks(1, lease_until=None)


def sending_without_a_doubt(campaign: OneCampaign) -> None:
    campaign.claimed()
    campaign.set_chunks(1, in_doubt_since=None)


def sending_unclaimed(campaign: OneCampaign) -> None:
    campaign.set_chunks(1, state="sending", lease_until=campaign.books.now())


def settled_without_a_time(campaign: OneCampaign) -> None:
    campaign.set_chunks(1, state="cancelled")


def settled_and_published(campaign: OneCampaign) -> None:
    campaign.attempt(NOBODY_FOUND)
    campaign.set_chunks(1, published_at=campaign.books.now())


def rejected_and_in_doubt(campaign: OneCampaign) -> None:
    campaign.attempt(NOBODY_FOUND)
    campaign.set_chunks(1, in_doubt_since=campaign.books.now())


def in_doubt_without_an_attempt(campaign: OneCampaign) -> None:
    campaign.set_chunks(1, in_doubt_since=campaign.books.now())


def unresolved_without_a_doubt(campaign: OneCampaign) -> None:
    campaign.set_chunks(1, state="unresolved", settled_at=campaign.books.now())


def an_unknown_state(campaign: OneCampaign) -> None:
    campaign.set_chunks(1, state="lost")


def too_many_members(campaign: OneCampaign) -> None:
    campaign.set_chunks(1, size=1001)


@pytest.mark.parametrize(
    "wrong",
    [
        delivered_without_numbers,
        numbers_without_delivery,
        half_of_the_numbers,
        sending_without_a_lease,
        sending_without_a_doubt,
        sending_unclaimed,
        settled_without_a_time,
        settled_and_published,
        rejected_and_in_doubt,
        in_doubt_without_an_attempt,
        unresolved_without_a_doubt,
        an_unknown_state,
        too_many_members,
    ],
)
def test_the_database_refuses_a_chunk_that_cannot_be(
    books: Books, wrong: Callable[[OneCampaign], None]
) -> None:
    with pytest.raises(IntegrityError, match="violates check constraint"):
        wrong(books.campaign())


@pytest.mark.parametrize(
    ("columns", "check"),
    [
        ({"members_delivered": 1}, "members_add_up"),
        ({"members_remaining": 9}, "members_add_up"),
        ({"chunks_pending": 0}, "chunks_add_up"),
        ({"input_duplicates": 3}, "input_adds_up"),
        ({"state": "done"}, "state"),
        ({"state": "completed"}, "completed_is_finished"),
        ({"rate": 0}, "rate_is_positive"),
        ({"rate": "NaN"}, "rate_is_positive"),
        ({"rate": "Infinity"}, "rate_is_positive"),
    ],
)
def test_the_database_refuses_a_campaign_that_does_not_add_up(
    books: Books, columns: dict[str, Any], check: str
) -> None:
    with pytest.raises(IntegrityError, match=f"campaign_{check}"):
        books.campaign().set(**columns)


def test_the_database_refuses_an_end_while_something_remains(books: Books) -> None:
    with pytest.raises(IntegrityError, match=r"campaign_(finished|live)_"):
        books.campaign().set(finished_at=books.now())
    with pytest.raises(IntegrityError, match="finished_has_nothing_left"):
        books.campaign().set(finished_at=books.now(), state="cancelled")
