"""`retry`: the operator's order to send chunks again, in a new round."""

from datetime import timedelta

import pytest

from dispatcher.books import transitions
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import CampaignState, ChunkState
from tests.integration.builders import ACCEPTED, NOBODY_FOUND, SIZE, Books, OneCampaign


@pytest.fixture
def half_rejected(books: Books) -> OneCampaign:
    """A completed campaign of two chunks, the second of which was rejected."""
    campaign = books.campaign(chunks=2)
    campaign.attempt(ACCEPTED, 1)
    campaign.attempt(NOBODY_FOUND, 2)
    assert campaign.rolled_up().state == CampaignState.COMPLETED
    return campaign


def test_only_the_chunks_in_the_named_state_are_sent_again(half_rejected: OneCampaign) -> None:
    assert half_rejected.do(transitions.retry, ChunkState.REJECTED) == 1
    assert half_rejected.states() == ["delivered", "pending"]
    shown = half_rejected.shown()
    assert shown.state == CampaignState.RUNNING
    assert shown.finished_at is None
    assert (shown.members.delivered, shown.members.remaining) == (SIZE, SIZE)
    assert shown.errors == ()


def test_a_new_round_has_a_new_pack_id_and_nothing_in_doubt(books: Books) -> None:
    campaign = books.campaign().in_doubt(1)
    books.time_passes(timedelta(minutes=10))
    campaign.do(transitions.settle_closed_windows, timedelta(minutes=9))
    assert campaign.rolled_up().members.unresolved == SIZE
    before = campaign.chunk()
    campaign.do(transitions.retry, ChunkState.UNRESOLVED)
    again = campaign.claimed()
    assert again.round == before.round + 1
    assert again.pack_id != before.pack_id
    assert again.in_doubt_before is None
    assert again.attempt == before.attempt + 1


def test_a_retried_chunk_completes_the_campaign_again(half_rejected: OneCampaign) -> None:
    half_rejected.do(transitions.retry, ChunkState.REJECTED)
    half_rejected.attempt(ACCEPTED, 2)
    assert half_rejected.rolled_up().state == CampaignState.COMPLETED
    assert half_rejected.shown().members.delivered == 2 * SIZE


def test_expired_chunks_are_sent_again_without_their_time(books: Books) -> None:
    campaign = books.campaign(expires_at=books.now() + timedelta(minutes=1))
    books.time_passes(timedelta(minutes=2))
    campaign.do(transitions.expire)
    assert campaign.shown().state == CampaignState.EXPIRED
    campaign.do(transitions.retry, ChunkState.EXPIRED)
    assert campaign.shown().expires_at is None
    assert campaign.claim() is not None


def test_a_paused_campaign_stays_paused(half_rejected: OneCampaign) -> None:
    half_rejected.do(transitions.retry, ChunkState.REJECTED)
    half_rejected.do(transitions.pause)
    half_rejected.set_chunks(
        2,
        state="rejected",
        settled_at=half_rejected.books.now(),
    )
    half_rejected.do(transitions.retry, ChunkState.REJECTED)
    assert half_rejected.shown().state == CampaignState.PAUSED
    assert half_rejected.claim(2) is None


def test_nothing_to_send_again_changes_nothing(half_rejected: OneCampaign) -> None:
    assert half_rejected.do(transitions.retry, ChunkState.EXPIRED) == 0
    assert half_rejected.shown().state == CampaignState.COMPLETED


@pytest.mark.parametrize("state", [ChunkState.DELIVERED, ChunkState.CANCELLED, ChunkState.PENDING])
def test_what_was_delivered_or_cancelled_is_never_sent_again(
    half_rejected: OneCampaign, state: ChunkState
) -> None:
    with pytest.raises(ImpossibleInState, match="cannot be sent again"):
        half_rejected.do(transitions.retry, state)


def test_a_cancelled_campaign_is_not_opened_again(books: Books) -> None:
    campaign = books.campaign().in_doubt(1)
    campaign.do(transitions.cancel)
    with pytest.raises(ImpossibleInState, match="is cancelled"):
        campaign.do(transitions.retry, ChunkState.UNRESOLVED)
