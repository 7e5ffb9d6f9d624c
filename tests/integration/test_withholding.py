"""Races for the standing list, and what becomes of a claim whose members are taken out."""

from typing import Any

import pytest

from dispatcher.books import making, standing, transitions
from dispatcher.books.session import transaction
from dispatcher.lifecycle import FAILURES_BEFORE_HOLD
from tests.integration.builders import Books, OneCampaign, add_chunks, new_campaign
from tests.integration.racing import waiting_for_a_lock

TWO = '[{"userId":"anna"},{"userId":"b\\u00f6b, \\"x\\""}]'


def version(books: Books) -> int:
    """What a preparation that begins now sees."""
    return int(books.do(standing.state, "app").version)


def add(books: Books, app_id: str = "app", hash_: int = 7) -> None:
    books.do(standing.add, app_id, [hash_])


def lose_lease(books: Books) -> None:
    """The worker of every claim dies."""
    books.run("UPDATE chunk SET lease_until = clock_timestamp() WHERE state = 'sending'")
    books.do(transitions.take_back_lost_leases)


def of_two(books: Books, **given: Any) -> OneCampaign:
    """A campaign of one chunk with two members."""
    campaign = books.campaign(**given)
    campaign.set_chunks(1, size=2, members=TWO)
    return campaign.set(members_total=2, members_remaining=2, input_read=2)


def test_a_claim_tells_whoever_was_added_while_the_campaign_was_prepared_or_committed(
    books: Books,
) -> None:
    seen = version(books)
    add(books)  # while it is prepared
    new = new_campaign(standing_version=seen)
    with transaction(books.engine) as connection:
        making.create(connection, new)
        add_chunks(connection, new.id, 1)
        add(books, hash_=8)  # while its transaction is open
    assert OneCampaign(books, new.id).claimed().unscreened


def test_who_is_added_last_has_the_greater_version_whatever_the_app(books: Books) -> None:
    """Else a campaign prepared in between could have a version beyond one that is not yet there."""
    seen = version(books)
    with transaction(books.engine) as slow:
        standing.add(slow, "app", [1])
        with waiting_for_a_lock(books.engine, lambda: add(books, "another")) as other:
            assert version(books) == seen  # neither is there
            slow.commit()
        other.result()
    assert books.do(standing.state, "app").grown == seen + 1
    assert books.do(standing.state, "another").grown == seen + 2


def test_whoever_is_added_by_a_transaction_under_way_is_seen_by_the_claim_after_it(
    books: Books,
) -> None:
    with transaction(books.engine) as slow:
        standing.add(slow, "app", [1])
        campaign = books.campaign(2, standing_version=version(books))
        before = campaign.claimed(1)
    after = campaign.claimed(2)
    assert (before.unscreened, after.unscreened) == (False, True)


def test_a_chunk_is_looked_up_until_somebody_has_and_never_after(books: Books) -> None:
    campaign = of_two(books, standing_version=version(books))
    add(books)
    first = campaign.claimed()
    lose_lease(books)
    second = campaign.claimed()
    assert (first.unscreened, second.unscreened) == (True, True)
    assert second.in_doubt_before is not None
    assert not books.do(transitions.keep_all, first)
    assert books.do(transitions.keep_all, second)
    add(books, hash_=8)
    lose_lease(books)
    assert not campaign.claimed().unscreened


def test_another_apps_list_leaves_chunks_as_they_are(books: Books) -> None:
    campaign = of_two(books, standing_version=version(books))
    books.do(standing.add, "another", [1])
    assert not campaign.claimed().unscreened


def test_who_is_taken_off_or_on_the_list_already_changes_no_version(books: Books) -> None:
    add(books)
    seen = version(books)
    add(books)
    books.do(standing.remove, "app", [7])
    assert version(books) == seen


def test_the_members_that_stay_stay_as_they_are(books: Books) -> None:
    campaign = of_two(books)
    claim = campaign.claimed()
    left = books.do(transitions.withhold, claim, [1])
    assert left.members.text == '[{"userId":"b\\u00f6b, \\"x\\""}]' == campaign.chunk().members
    assert (campaign.chunk().withheld, campaign.chunk().size) == (1, 2)
    shown = campaign.rolled_up()
    assert (shown.members.withheld, shown.members.remaining, shown.members.total) == (1, 1, 2)


@pytest.mark.parametrize("taken", [1, 2])
def test_nobody_is_taken_out_of_a_chunk_that_another_attempt_has(books: Books, taken: int) -> None:
    campaign = of_two(books)
    claim = campaign.claimed()
    campaign.set_chunks(1, attempt=2)
    if taken == 1:
        assert books.do(transitions.withhold, claim, [1]) is None
    else:
        books.do(transitions.withhold_all, claim)
    row = campaign.chunk()
    assert (row.state, row.withheld, row.members) == ("sending", 0, TWO)


def test_a_probe_of_which_nobody_is_left_lets_another_one_go(books: Books) -> None:
    campaign, other = of_two(books), books.campaign()
    books.account_is(failures=FAILURES_BEFORE_HOLD)
    claim = campaign.claimed()
    assert claim.probing
    assert other.claim() is None
    books.do(transitions.withhold_all, claim)
    assert other.claimed().probing
    assert campaign.rolled_up().state == "completed"
