"""Who was not delivered to, and how precisely the vendor's answer tells it."""

import json

from dispatcher.books import transitions
from dispatcher.books.failures import Failure, Forgotten, Unnamed, failures
from dispatcher.lifecycle import Accepted
from tests.integration.builders import NOBODY_FOUND, SIZE, Books, OneCampaign


def with_members(campaign: OneCampaign, *sequences: int) -> OneCampaign:
    for sequence in sequences:
        members = [{"userId": f"{sequence}-{place}", "devtodevId": place} for place in range(SIZE)]
        campaign.set_chunks(sequence, members=json.dumps(members))
    return campaign


def listed(campaign: OneCampaign) -> list[Failure | Unnamed | Forgotten]:
    return list(failures(campaign.books.engine, campaign.id))


def accepted(erroneous: int, *details: object, found: int = SIZE) -> Accepted:
    return Accepted(found, found - erroneous, erroneous, json.dumps(details))


def test_a_campaign_that_reached_everybody_has_no_failure(books: Books) -> None:
    campaign = with_members(books.campaign(), 1)
    campaign.attempt(accepted(0))
    assert listed(campaign) == []


def test_everybody_of_a_refused_chunk_failed_for_its_reason(books: Books) -> None:
    campaign = with_members(books.campaign(), 1)
    campaign.attempt(NOBODY_FOUND)
    found = listed(campaign)
    assert len(found) == SIZE
    assert found[0] == Failure(
        chunk=1,
        state="rejected",
        precision="chunk",
        reason="The requested users have not been found",
        http_status=400,
        code=33,
        member={"userId": "1-0", "devtodevId": 0},
    )


def test_cancelled_and_unresolved_members_are_told_apart(books: Books) -> None:
    campaign = with_members(books.campaign(chunks=2), 1, 2)
    campaign.in_doubt(2)
    campaign.do(transitions.cancel)
    states = {f.chunk: f.state for f in listed(campaign) if isinstance(f, Failure)}
    assert states == {1: "cancelled", 2: "unresolved"}


def test_a_member_whom_error_details_name_is_listed_alone(books: Books) -> None:
    campaign = with_members(books.campaign(), 1)
    named = {"platform": "ios", "identifier": {"userId": "1-4"}, "error": "BadDeviceToken"}
    campaign.attempt(accepted(1, named))
    (failure,) = listed(campaign)
    assert isinstance(failure, Failure)
    assert failure.precision == "member"
    assert failure.member["userId"] == "1-4"
    assert failure.reason == "ios, BadDeviceToken"


def test_whom_the_vendor_does_not_name_is_counted(books: Books) -> None:
    campaign = with_members(books.campaign(), 1)
    campaign.attempt(accepted(3, {"userId": "1-1"}, {"userId": "somebody else"}, "text", found=8))
    failure, unnamed = listed(campaign)
    assert isinstance(failure, Failure)
    assert unnamed == Unnamed(chunk=1, not_found=2, erroneous=2)


def test_an_identifier_that_several_members_share_names_nobody(books: Books) -> None:
    campaign = books.campaign()
    shared = [{"userId": "same", "token": str(place)} for place in range(SIZE)]
    campaign.set_chunks(1, members=json.dumps(shared))
    campaign.attempt(accepted(1, {"userId": "same"}))
    assert listed(campaign) == [Unnamed(chunk=1, not_found=0, erroneous=1)]


def test_failures_of_many_chunks_come_in_their_order(books: Books) -> None:
    campaign = with_members(books.campaign(chunks=120), *range(1, 121))
    campaign.do(transitions.cancel)
    chunks = [failure.chunk for failure in listed(campaign)]
    assert chunks == sorted(chunks)
    assert len(chunks) == 120 * SIZE
