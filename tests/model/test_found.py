"""Stories that the model has found, told once more by hand."""

import pytest
from sqlalchemy import Engine

from dispatcher.books import transitions
from dispatcher.books.transitions import Claim
from tests.integration.builders import ACCEPTED, ALREADY_SENT, IN_DOUBT, LEASE, OneCampaign
from tests.model.invariants import books_are_sound
from tests.model.stage import empty_books, with_members


@pytest.fixture
def campaign(books_engine: Engine) -> OneCampaign:
    """A campaign of one chunk."""
    return with_members(empty_books(books_engine).campaign(), 1)


def overtaken(campaign: OneCampaign) -> Claim:
    """The claim of a second worker, in the midst of which the first brings its proof."""
    first = campaign.claimed()
    campaign.books.time_passes(LEASE)
    campaign.books.do(transitions.take_back_lost_leases)
    second = campaign.claimed(worker="worker-2")
    assert campaign.record(first, ACCEPTED)
    return second


def outcomes(campaign: OneCampaign) -> list[str]:
    return [attempt.outcome for attempt in campaign.attempts()]


def test_the_books_are_sound_where_a_worker_dies_that_a_late_proof_overtook(
    campaign: OneCampaign,
) -> None:
    overtaken(campaign)
    campaign.books.do(books_are_sound, campaign.id)
    assert outcomes(campaign) == ["accepted", "lease_lost"]


def test_the_log_tells_what_an_overtaken_attempt_came_to_and_keeps_to_it(
    campaign: OneCampaign,
) -> None:
    second = overtaken(campaign)
    assert not campaign.record(second, ALREADY_SENT)
    assert not campaign.record(second, IN_DOUBT)
    assert outcomes(campaign) == ["accepted", "already_sent"]
    campaign.books.do(books_are_sound, campaign.id)
