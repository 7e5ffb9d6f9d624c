"""Who was not delivered to, and how precisely the vendor's answer tells it."""

import json
import sys
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

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


NUMBERS = st.integers() | st.floats() | st.integers(4_000, 5_000).map(lambda digits: 10**digits)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("userId", "devtodevId", "error", "")), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.fixture
def delivered(books: Books) -> OneCampaign:
    """A campaign of one chunk, nobody of which the platform's service could reach."""
    campaign = with_members(books.campaign(), 1)
    campaign.attempt(accepted(SIZE))
    return campaign


def with_details(campaign: OneCampaign, stored: str) -> list[Failure | Unnamed | Forgotten]:
    """What `failures` lists where the vendor's details are these, every row of which is printed."""
    campaign.books.run("UPDATE attempt SET error_details = :stored", stored=stored)
    found = listed(campaign)
    for failure in found:
        json.dumps(asdict(failure), ensure_ascii=False).encode()
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(details=ANY_JSON)
@example(details=None)
@example(details=7)
@example(details=True)
@example(details="\ud800")
@example(details=[{"userId": "1-1", "error": "\ud800"}])
def test_everybody_is_listed_or_counted_once_whatever_the_vendor_says(
    delivered: OneCampaign, details: Any
) -> None:
    sys.set_int_max_str_digits(0)
    try:
        stored = json.dumps(details)
    finally:
        sys.set_int_max_str_digits(4300)
    found = with_details(delivered, stored)
    named = [failure.member["userId"] for failure in found if isinstance(failure, Failure)]
    unnamed = sum(one.erroneous for one in found if isinstance(one, Unnamed))
    assert len(named) == len(set(named))
    assert len(named) + unnamed == SIZE


def test_details_so_deep_that_nobody_can_read_them_name_nobody(delivered: OneCampaign) -> None:
    assert with_details(delivered, "[" * 100_000) == [Unnamed(1, 0, SIZE)]


def test_members_who_are_named_one_by_one_under_names_are_all_listed(
    delivered: OneCampaign,
) -> None:
    stored = json.dumps({"0": {"userId": "1-1"}, "1": {"userId": "1-2"}, "2": {"userId": "1-1"}})
    found = with_details(delivered, stored)
    named = [failure.member["userId"] for failure in found if isinstance(failure, Failure)]
    assert named == ["1-1", "1-2"]
