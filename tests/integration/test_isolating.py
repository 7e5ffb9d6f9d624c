"""A chunk that was refused for one user's value: how it is divided, and what is left alone."""

import json

import pytest
from sqlalchemy import text

from dispatcher.books import audit, transitions
from dispatcher.books.session import transaction
from dispatcher.books.transitions import Claim
from dispatcher.lifecycle import Accepted, CampaignWrong, Reason
from tests.integration.builders import (
    ACCEPTED,
    IN_DOUBT,
    LEASE,
    SIZE,
    Books,
    OneCampaign,
)
from tests.model.invariants import books_are_sound
from tests.model.stage import with_members

REST = Accepted(SIZE - 1, SIZE - 1, 0)


def wrong(culprit: int | None = None) -> CampaignWrong:
    """A refusal for a value in the audience, which quotes the member of this number, or nobody."""
    return CampaignWrong(Reason("Invalid value", 400, 30, "audience.token", culprit))


@pytest.fixture
def campaign(books: Books) -> OneCampaign:
    """Two chunks of ten, of which the second is delivered."""
    made = with_members(books.campaign(2), 2)
    made.attempt(ACCEPTED, 2)
    return made


def tokens(campaign: OneCampaign, sequence: int) -> list[str]:
    return [member["token"] for member in json.loads(campaign.chunk(sequence).members)]


def test_whom_the_vendor_quotes_is_rejected_alone_and_the_others_go_on(
    campaign: OneCampaign,
) -> None:
    campaign.attempt(wrong(3))

    assert campaign.states() == ["rejected", "delivered", "pending"]
    assert (tokens(campaign, 1), campaign.chunk(1).error) == (["1-3"], "Invalid value")
    assert tokens(campaign, 3) == [f"1-{n}" for n in range(SIZE) if n != 3]
    assert campaign.shown().chunks.total == 3

    campaign.attempt(REST, 3)
    shown = campaign.rolled_up()
    assert (shown.state, shown.members.rejected, shown.members.delivered) == ("completed", 1, 19)
    assert shown.reason is None
    campaign.books.do(books_are_sound, campaign.id)


def test_where_nobody_is_quoted_both_halves_go_under_pack_ids_of_their_own(
    campaign: OneCampaign,
) -> None:
    before = campaign.attempt(wrong())

    assert campaign.states() == ["pending", "delivered", "pending"]
    assert tokens(campaign, 1) + tokens(campaign, 3) == [f"1-{n}" for n in range(SIZE)]
    assert [campaign.chunk(n).size for n in (1, 3)] == [5, 5]
    pack_ids = {campaign.chunk(n).pack_id for n in (1, 3)}
    assert len(pack_ids - {before.pack_id}) == 2
    assert campaign.chunk(1).error is None
    campaign.books.do(books_are_sound, campaign.id)


def test_a_refusal_after_doubt_divides_with_nothing_in_doubt(campaign: OneCampaign) -> None:
    campaign.in_doubt(1)
    campaign.attempt(wrong())
    assert [campaign.chunk(n).in_doubt_since for n in (1, 3)] == [None, None]


def test_who_was_withheld_before_stays_counted_with_the_first_part(campaign: OneCampaign) -> None:
    claim = campaign.claimed()
    campaign.books.do(transitions.withhold, claim, [1, 2])
    campaign.record(claim, wrong(0))
    assert (campaign.chunk(1).size, campaign.chunk(1).withheld, tokens(campaign, 1)) == (
        3,
        2,
        ["1-2"],
    )
    assert (campaign.chunk(3).size, campaign.chunk(3).withheld) == (7, 0)
    assert campaign.rolled_up().members.withheld == 2
    campaign.books.do(books_are_sound, campaign.id)


def test_the_parts_share_what_the_chunk_was_and_come_before_what_is_fresh(books: Books) -> None:
    campaign = with_members(books.campaign(3), 3)
    shared = {"variant": 7, "zone": "Europe/Berlin", "canary": True}
    campaign.set_chunks(2, **shared)
    campaign.attempt(wrong(), 2)
    assert {name: getattr(campaign.chunk(4), name) for name in shared} == shared
    assert campaign.publish(count=3) == [2, 4, 1]


def test_an_attempt_that_lost_its_chunk_divides_nothing(campaign: OneCampaign) -> None:
    claim = campaign.claimed()
    campaign.books.time_passes(LEASE)
    campaign.books.do(transitions.take_back_lost_leases)
    assert not campaign.record(claim, wrong())
    assert campaign.states() == ["pending", "delivered"]


def test_a_lost_commit_is_recorded_once(campaign: OneCampaign) -> None:
    claim = campaign.claimed()
    assert campaign.record(claim, wrong(0))
    assert not campaign.record(claim, wrong(0))
    assert campaign.was_recorded(claim, wrong(0))
    assert len(campaign.states()) == 3


def test_what_a_cancelled_campaign_had_on_the_wire_is_rejected_whole(
    campaign: OneCampaign,
) -> None:
    claim = campaign.claimed()
    campaign.do(transitions.cancel)
    campaign.record(claim, wrong())
    assert campaign.states() == ["rejected", "delivered"]


def test_more_than_a_few_culprits_of_a_chunk_pause_the_campaign(campaign: OneCampaign) -> None:
    for sequence in (1, 3, 4, 5):
        campaign.attempt(wrong(0), sequence)
    shown = campaign.shown()
    assert shown.state == "paused"
    assert shown.reason == (
        "More than 3 users were refused in one chunk: the message or the list is wrong. "
        "The Push API refused it: Invalid value (HTTP 400, code 30)."
    )
    assert campaign.states() == ["rejected", "delivered", *["rejected"] * 3]
    assert [len(tokens(campaign, n)) for n in (1, 3, 4, 5)] == [1, 1, 1, 7]


def test_while_nothing_is_delivered_refusals_of_all_chunks_count_together(books: Books) -> None:
    campaign = with_members(books.campaign(4), 4)
    campaign.attempts_each(wrong(), (1, 1, 5, 2))
    assert campaign.shown().state == "running"
    campaign.attempt(wrong(), 3)
    shown = campaign.shown()
    assert shown.state == "paused"
    assert shown.reason is not None
    assert shown.reason.startswith("More than 3 users were refused before anything was delivered:")
    assert (campaign.chunk(3).state, campaign.chunk(3).size) == ("rejected", SIZE)


def test_culprits_who_are_quoted_never_pause_as_rejected_chunks_do(books: Books) -> None:
    campaign = with_members(books.campaign(9), 9)
    campaign.attempts_each(wrong(0), range(1, 9))
    assert campaign.shown().state == "running"


def test_retry_sends_to_a_culprit_again_and_divides_what_was_given_up_anew(
    campaign: OneCampaign,
) -> None:
    for sequence in (1, 3, 4, 5):
        campaign.attempt(wrong(0), sequence)
    campaign.do(transitions.resume)
    assert campaign.do(transitions.retry, "rejected") == 4
    campaign.attempt(Accepted(1, 1, 0), 1)
    campaign.attempt(wrong(0), 5)
    assert (campaign.chunk(5).state, campaign.chunk(6).state) == ("rejected", "pending")
    campaign.books.do(books_are_sound, campaign.id)


def lost(campaign: OneCampaign, sequence: int = 1) -> Claim:
    """A claim whose lease was lost, and whose chunk is pending again."""
    claim = campaign.claimed(sequence)
    campaign.books.time_passes(LEASE)
    campaign.books.do(transitions.take_back_lost_leases)
    return claim


def test_a_late_doubt_about_the_undivided_chunk_changes_no_part(campaign: OneCampaign) -> None:
    first = lost(campaign)
    campaign.attempt(wrong())
    assert not campaign.record(first, IN_DOUBT)
    assert campaign.states() == ["pending", "delivered", "pending"]


@pytest.mark.parametrize("parts_of_an_older_version", [False, True])
def test_of_a_chunk_that_was_accepted_after_all_nothing_more_is_sent(
    campaign: OneCampaign, parts_of_an_older_version: bool
) -> None:
    first = lost(campaign)
    campaign.attempt(wrong())
    campaign.attempt(wrong(), 1)
    campaign.in_doubt(4)
    flying = campaign.claimed(3)
    if parts_of_an_older_version:
        with transaction(campaign.books.engine) as connection:
            connection.execute(text("UPDATE part SET parent = NULL"))
    assert not campaign.record(first, ACCEPTED)

    assert campaign.states() == ["uncounted", "delivered", "uncounted", "uncounted"]
    assert campaign.shown().state == "completed"
    assert campaign.shown().members.uncounted == SIZE
    assert not campaign.record(flying, IN_DOUBT)
    assert not campaign.do(audit.verify, LEASE).findings
    campaign.books.do(books_are_sound, campaign.id)
    happened = "".join(event.what for event in campaign.do(audit.explain, LEASE).happened)
    assert "1 chunk turned out to have been accepted after being divided" in happened
    assert "ordered to be sent again" not in happened


def test_only_what_stems_from_the_accepted_part_ends_and_its_culprit_got_it(
    campaign: OneCampaign,
) -> None:
    campaign.attempt(wrong())
    part = lost(campaign, 3)
    campaign.attempt(wrong(2), 3)
    assert campaign.states() == ["pending", "delivered", "rejected", "pending"]
    part.members.let_go()
    campaign.record(part, Accepted(5, 5, 0))
    assert campaign.states() == ["pending", "delivered", "uncounted", "uncounted"]
    campaign.attempt(Accepted(5, 5, 0), 1)
    shown = campaign.rolled_up()
    assert (shown.state, shown.members.delivered, shown.members.uncounted) == ("completed", 15, 5)
    campaign.books.do(books_are_sound, campaign.id)


def test_what_isolation_took_is_explained_without_naming_anybody(books: Books) -> None:
    campaign = with_members(books.campaign(2), 2)
    campaign.attempt(wrong(3))
    campaign.attempt(wrong(3), 2)
    campaign.attempt(REST, 3)
    happened = [event.what for event in campaign.do(audit.explain, LEASE).happened]
    assert (
        "2 chunks were looked through for users whose value alone the vendor refuses: 2 members "
        "were found, with 1 further request"
    ) in happened
    assert "committed with 20 members in 2 chunks" in "".join(happened)
