"""A campaign whose chunks were never stored can be ended, and is named wherever one looks."""

import pytest

from dispatcher.books import audit, transitions, upkeep
from dispatcher.books.audit import StandingStill
from dispatcher.books.upkeep import Duty
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import ChunkState
from tests.integration.builders import ACCEPTED, TERMS, WINDOW, Books, OneCampaign

CHUNKS = 4


@pytest.fixture(params=[0, 2, CHUNKS - 1])
def lacking(books: Books, request: pytest.FixtureRequest) -> OneCampaign:
    """A running campaign of which so many chunks are stored, and no more."""
    campaign = books.campaign(CHUNKS)
    books.run("DELETE FROM chunk WHERE sequence > :stored", stored=request.param)
    return campaign


def stored(campaign: OneCampaign) -> int:
    return len(campaign.states())


def standing_still(books: Books) -> list[StandingStill]:
    return list(audit.standing_still(books.engine, TERMS))


def test_it_can_be_cancelled_and_those_who_are_missing_count_as_cancelled(
    lacking: OneCampaign,
) -> None:
    has = stored(lacking)
    if has:
        lacking.attempt(ACCEPTED, 1)
    lacking.do(transitions.cancel)
    shown = lacking.shown()
    assert (shown.state, shown.ended) == ("cancelled", True)
    assert shown.members.delivered == (10 if has else 0)
    assert shown.members.delivered + shown.members.cancelled == shown.members.total == 10 * CHUNKS
    assert lacking.books.needing(Duty.SUM_UP) == []


def test_it_can_expire(lacking: OneCampaign) -> None:
    lacking.expire()
    shown = lacking.shown()
    assert (shown.state, shown.ended, shown.members.expired) == ("expired", True, 10 * CHUNKS)


def test_it_cannot_be_sent_again(lacking: OneCampaign) -> None:
    lacking.expire()
    with pytest.raises(ImpossibleInState, match=r"does not add up: \d of its 4 chunks are stored"):
        lacking.do(transitions.retry, ChunkState.EXPIRED)


def test_explain_and_verify_and_doctor_name_it(books: Books, lacking: OneCampaign) -> None:
    has = stored(lacking)
    explained = lacking.do(audit.explain, WINDOW)
    told = " ".join(event.what for event in explained.happened)
    assert f"it does not add up: {has} of its 4 chunks are stored" in told
    assert any("`dispatcher cancel" in words for words in explained.remedies)
    (found,) = standing_still(books)
    assert found.campaign == lacking.id
    assert f"{has} of its 4 chunks are stored: `dispatcher cancel" in found.words
    lacking.do(transitions.cancel)
    wrong = {finding.rule for finding in lacking.do(audit.verify, WINDOW).findings}
    assert "the chunks are numbered without a gap, as many as the campaign counts" in wrong
    assert standing_still(books) == []


def test_what_is_due_and_can_be_done_is_no_trouble(books: Books) -> None:
    books.campaign(3).attempt(ACCEPTED, 1)
    assert books.needing(Duty.SUM_UP) != []
    assert standing_still(books) == []
    assert books.needing(Duty.SUM_UP) != []


def test_doctor_names_a_campaign_whose_sum_the_database_refuses(books: Books) -> None:
    bad, _ = books.campaign(), books.campaign()
    bad.attempt(ACCEPTED)
    bad.set_chunks(1, size=7)
    (found,) = standing_still(books)
    assert found.campaign == bad.id
    assert found.words.startswith("it cannot be summed up: ")
    assert "members_add_up" in found.words


def test_doctor_names_a_campaign_whose_row_another_session_holds(books: Books) -> None:
    held, _ = books.campaign(), books.campaign()
    with books.engine.connect() as other:
        transitions.lock_free(other, [held.id])
        (found,) = standing_still(books)
    assert found.campaign == held.id
    assert "another session has locked its row" in found.words


def test_doctor_names_a_campaign_whose_chunks_cannot_be_published(books: Books) -> None:
    bad, good = books.campaign(), books.campaign()
    for campaign in (bad, good):
        campaign.do(transitions.roll_up)
    books.run(f"""
        ALTER TABLE chunk ADD CONSTRAINT refused
        CHECK (campaign_id <> '{bad.id}' OR published_at IS NULL)
    """)
    try:
        (found,) = standing_still(books)
    finally:
        books.run("ALTER TABLE chunk DROP CONSTRAINT refused")
    assert found.campaign == bad.id
    assert found.words.startswith("it cannot be published: ")
    assert (bad.published(), good.published()) == ([], [])


def test_a_campaign_of_which_a_chunk_was_lost_later_is_found_in_its_turn(books: Books) -> None:
    campaign = books.campaign(CHUNKS)
    campaign.do(transitions.roll_up)
    books.run("DELETE FROM chunk WHERE sequence = 2")
    assert books.needing(Duty.SUM_UP) == []
    books.run("UPDATE campaign SET summed_at = summed_at - interval '61 s'")
    assert books.needing(Duty.SUM_UP) == [campaign.id]
    assert [one.campaign for one in standing_still(books)] == [campaign.id]


def test_what_cannot_be_done_takes_no_turn_from_the_others(books: Books) -> None:
    bad, good = books.campaign(), books.campaign()
    for campaign in (bad, good):
        campaign.do(transitions.roll_up)
    books.run("UPDATE campaign SET summed_at = summed_at - interval '61 s'")
    needs = books.do(upkeep.needed, TERMS, resting=[bad.id])
    assert [need.campaign_id for need in needs] == [good.id]
