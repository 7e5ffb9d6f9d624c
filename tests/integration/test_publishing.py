"""What is published: which chunks, in which order, how many, and what comes back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import text

from dispatcher import publishing
from dispatcher.books import fleet, transitions
from dispatcher.publishing import Batch
from tests.integration.builders import ACCEPTED, IN_DOUBT, NOT_SENT, Books, OneCampaign
from tests.integration.racing import race

SECOND = timedelta(seconds=1)


def test_clean_chunks_are_published_in_the_audiences_order(books: Books) -> None:
    campaign = books.campaign(12)
    assert campaign.publish(5) == [1, 2, 3, 4, 5]
    assert campaign.publish(5) == [6, 7, 8, 9, 10]
    assert campaign.published() == list(range(1, 11))


def test_what_is_in_doubt_goes_first_and_the_oldest_window_before_all(books: Books) -> None:
    campaign = books.campaign(6)
    for sequence in (5, 2, 6):
        campaign.in_doubt(sequence)
    assert campaign.publish(5) == [5, 2, 6, 1, 3]


def test_clean_chunks_have_a_bound_of_their_own(books: Books) -> None:
    campaign = books.campaign(6).in_doubt(4, 3)
    assert campaign.publish(5, fresh=1) == [4, 3, 1]
    assert campaign.publish(5, fresh=0) == []


def test_no_more_than_asked_for_is_published(books: Books) -> None:
    campaign = books.campaign(6).in_doubt(4, 3, 2)
    assert campaign.publish(2) == [4, 3]
    assert campaign.publish(0) == []


def test_what_is_not_due_waits(books: Books) -> None:
    campaign = books.campaign(3)
    campaign.attempt(NOT_SENT, 1)
    campaign.attempt(IN_DOUBT, 2)
    campaign.set_chunks(1, 2, due_at=books.now() + 60 * SECOND)
    assert campaign.publish() == [3]


@pytest.mark.parametrize("verb", [transitions.pause, transitions.cancel, transitions.expire])
def test_nothing_is_published_of_a_campaign_that_does_not_run(books: Books, verb: object) -> None:
    campaign = books.campaign(3)
    if verb is transitions.expire:
        campaign.set(expires_at=books.now())
    campaign.do(verb)  # type: ignore[arg-type]
    assert campaign.publish() == []
    scheduled = books.campaign(send_at=books.now() + 60 * SECOND)
    assert scheduled.publish() == []


def test_two_that_publish_at_once_share_nothing(books: Books) -> None:
    campaign = books.campaign(40).in_doubt(*range(1, 11))
    published = race(*[lambda: campaign.publish(10)] * 4)
    everything = sorted(sequence for part in published for sequence in part)
    assert len(everything) == len(set(everything))
    assert campaign.published() == everything


def test_what_another_holds_is_passed_over(books: Books) -> None:
    campaign = books.campaign(4)
    with books.engine.connect() as other:
        assert transitions.mark_published(other, campaign.id, count=2, fresh=2) == [1, 2]
        assert campaign.publish(2) == [3, 4]


def test_what_is_given_back_is_due_at_once_in_its_place(books: Books) -> None:
    campaign = books.campaign(4)
    campaign.publish(3)
    campaign.do(transitions.give_back, [2, 1])
    assert campaign.published() == [3]
    assert campaign.publish() == [1, 2, 4]


def test_only_what_is_published_and_pending_can_be_given_back(books: Books) -> None:
    campaign = books.campaign(3)
    campaign.publish(1)
    campaign.claimed(1)
    before = [campaign.chunk(sequence) for sequence in (1, 2)]
    campaign.do(transitions.give_back, [1, 2, 99])
    campaign.do(transitions.give_back, [])
    assert [campaign.chunk(sequence) for sequence in (1, 2)] == before


def test_a_message_that_nobody_answered_is_published_again(books: Books) -> None:
    campaign = books.campaign(3)
    campaign.publish(1)
    books.time_passes(20 * SECOND)
    campaign.publish(1)
    books.time_passes(11 * SECOND)
    assert books.do(transitions.unmark_unclaimed, 30 * SECOND) == 1
    assert campaign.published() == [2]
    assert campaign.publish() == [1, 3]


def test_giving_back_waits_for_nobody(books: Books) -> None:
    campaign = books.campaign(3)
    campaign.publish()
    books.time_passes(40 * SECOND)
    with books.engine.connect() as other:
        transitions.give_back(other, campaign.id, [2])
        campaign.do(transitions.give_back, [1, 2])
        assert books.do(transitions.unmark_unclaimed, 30 * SECOND) == 1
        other.commit()
    assert campaign.published() == []


@dataclass(frozen=True)
class Places:
    """How far the places of limits have been given out; None where nobody can tell."""

    given: dict[str, float] | None = field(default_factory=dict)

    def ahead(self, names: Sequence[str]) -> dict[str, float] | None:
        return self.given


NONE_GIVEN = Places()


def plan(books: Books, rate: float | None = None, places: Places = NONE_GIVEN) -> list[Batch]:
    found: publishing.Plan = books.do(publishing.plan, rate, places)
    return found.batches


def live(books: Books, slots: int) -> None:
    books.do(fleet.seen, "worker-1", slots)


def begun(
    books: Books, chunks: int, took: timedelta = 0.2 * SECOND, **given: object
) -> OneCampaign:
    """A campaign whose first chunk is settled, so that its slow start is over."""
    campaign = books.campaign(chunks, **given)
    campaign.attempt(ACCEPTED)
    with books.engine.begin() as connection:
        connection.execute(
            text("UPDATE attempt SET started_at = ended_at - :took WHERE campaign_id = :id"),
            {"took": took, "id": campaign.id},
        )
    return campaign


def many(books: Books, took: timedelta) -> list[OneCampaign]:
    """So many campaigns that eight slots do not go on with any of them."""
    return [begun(books, 60, took=took) for _ in range(5)]


def test_a_new_campaign_begins_with_one_chunk(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatcher.publishing.planning._SLOW_START", 60 * SECOND)
    live(books, 8)
    campaign = books.campaign(50)
    assert plan(books) == [Batch(campaign.id, (1,))]
    assert plan(books) == []
    campaign.claimed()
    assert plan(books) == []


def test_the_slow_start_ends_with_the_first_attempt(books: Books) -> None:
    live(books, 8)
    campaign = begun(books, 50)
    assert plan(books) == [Batch(campaign.id, (n,)) for n in range(2, 10)]
    assert plan(books) == []


@pytest.mark.parametrize(("took", "size"), [(0.01, 16), (0.1, 5), (0.2, 2), (0.4, 1), (3.0, 1)])
def test_there_is_room_for_two_lists_a_slot_of_what_it_works_off_in_half_a_second(
    books: Books, took: float, size: int
) -> None:
    many(books, took * SECOND)
    live(books, 8)
    found = plan(books)
    assert max(len(batch.sequences) for batch in found) == size
    assert sum(len(batch.sequences) for batch in found) == 2 * 8 * max(2, size)


def test_a_list_is_as_long_as_before_an_account_rested(books: Books) -> None:
    many(books, 0.01 * SECOND)
    books.time_passes(3600 * SECOND)
    live(books, 8)
    assert max(len(batch.sequences) for batch in plan(books)) == 16


def test_the_next_round_should_come_soon_while_much_is_published(books: Books) -> None:
    campaign = begun(books, 100)
    live(books, 32)
    assert books.do(publishing.plan, None, NONE_GIVEN).soon
    for settled, soon in ((range(2, 5), False), (range(5, 9), True)):
        campaign.set_chunks(*settled, state="expired", settled_at=books.now(), published_at=None)
        assert books.do(publishing.plan, None, NONE_GIVEN).soon == soon


@pytest.mark.parametrize("state", ["published", "sending"])
def test_the_slow_start_ends_when_the_first_chunk_takes_two_seconds(
    books: Books, state: str
) -> None:
    campaign = books.campaign(50)
    campaign.publish(1)
    if state == "sending":
        campaign.claimed()
    books.time_passes(3 * SECOND)
    live(books, 8)
    assert sum(len(batch.sequences) for batch in plan(books)) >= 7


def test_a_campaign_that_nobody_touched_for_long_still_starts_slowly(books: Books) -> None:
    campaign = books.campaign(50)
    books.time_passes(3600 * SECOND)
    live(books, 8)
    assert plan(books) == [Batch(campaign.id, (1,))]


def test_a_resumed_campaign_starts_slowly_again(books: Books) -> None:
    campaign = begun(books, 50)
    campaign.claimed(3)
    books.time_passes(3600 * SECOND)
    live(books, 8)
    campaign.do(transitions.pause)
    campaign.do(transitions.resume)
    assert plan(books) == []
    campaign.set_chunks(3, state="pending", lease_until=None, in_doubt_since=None)
    assert plan(books) == [Batch(campaign.id, (2,))]


def test_a_small_campaign_does_not_wait_for_a_large_one(books: Books) -> None:
    large, small = begun(books, 100), begun(books, 5)
    live(books, 8)
    plan(books)
    assert (len(large.published()), len(small.published())) == (4, 4)


@pytest.mark.parametrize(("slots", "most"), [(63, 1), (64, 2), (300, 9), (1_000, 16)])
def test_where_many_slots_are_idle_a_message_names_several_chunks(
    books: Books, slots: int, most: int
) -> None:
    campaign = begun(books, slots + 50)
    live(books, slots)
    batches = plan(books)
    assert len(campaign.published()) == slots
    assert {len(batch.sequences) for batch in batches[:-1]} == {most}


def test_messages_that_call_slots_away_name_one_chunk_each(books: Books) -> None:
    large, small = begun(books, 100), begun(books, 100)
    for sequence in range(2, 77):
        large.claimed(sequence)
    live(books, 140)
    batches = plan(books)
    assert len(small.published()) == 70
    assert {len(batch.sequences) for batch in batches} == {1}


def test_a_campaign_gets_its_share_of_slots_that_are_all_busy_with_another(books: Books) -> None:
    large = begun(books, 100)
    live(books, 8)
    for sequence in range(2, 10):
        large.claimed(sequence)
    assert plan(books) == []
    small = begun(books, 20)
    assert plan(books) == [Batch(small.id, (n,)) for n in range(2, 6)]
    assert plan(books) == []


def all_busy(books: Books, took: float = 0.2) -> OneCampaign:
    """A campaign that eight slots go on with."""
    campaign = begun(books, 100, took=took * SECOND)
    live(books, 8)
    for sequence in range(2, 10):
        campaign.claimed(sequence)
    assert plan(books) == []
    return campaign


def test_what_is_in_doubt_is_asked_about_though_all_slots_are_busy(books: Books) -> None:
    campaign = all_busy(books)
    claim = campaign.claimed(50)
    campaign.record(claim, IN_DOUBT)
    campaign.attempt(ACCEPTED, 60)
    assert books.account().doubts == 0
    campaign.due(50)
    assert plan(books)[0].sequences[0] == 50


@pytest.mark.parametrize("took", [0.2, 10])
def test_what_a_worker_held_that_is_gone_takes_up_no_room(books: Books, took: float) -> None:
    all_busy(books, took)
    books.time_passes(6 * SECOND)
    books.do(fleet.seen, "another", 8)
    assert sum(len(batch.sequences) for batch in plan(books)) >= 8


def test_claims_that_a_living_worker_never_heard_of_stop_nobody(books: Books) -> None:
    all_busy(books)
    books.time_passes(3 * SECOND)
    live(books, 8)
    assert sum(len(batch.sequences) for batch in plan(books)) >= 8


def test_a_new_campaign_is_published_beside_one_that_runs(books: Books) -> None:
    all_busy(books)
    new = books.campaign(5)
    assert plan(books) == [Batch(new.id, (1,))]


def test_another_account_s_trouble_concerns_nobody_else(books: Books) -> None:
    campaign = begun(books, 50)
    live(books, 8)
    trouble(books, "other")
    assert plan(books) == [Batch(campaign.id, (n,)) for n in range(2, 10)]


def trouble(books: Books, account: str) -> None:
    books.run(
        "INSERT INTO account (name, doubts, doubtful_since) VALUES (:name, 1, now())", name=account
    )


def test_an_account_on_hold_is_published_nothing(books: Books) -> None:
    begun(books, 50)
    live(books, 8)
    books.account_is(hold_until=books.now() + 60 * SECOND)
    assert plan(books) == []


def test_an_account_that_is_probed_is_published_one(books: Books) -> None:
    campaign = begun(books, 50)
    live(books, 8)
    books.account_is(failures=1)
    assert plan(books) == [Batch(campaign.id, (2,))]
    assert plan(books) == []


@pytest.mark.parametrize(("own", "account"), [(20.0, None), (None, 20.0), (20.0, 100.0)])
def test_a_rate_lets_only_the_next_moments_chunks_out_one_a_message(
    books: Books, own: float | None, account: float | None
) -> None:
    campaign = begun(books, 50, rate=own)
    live(books, 8)
    batches = plan(books, account)
    assert batches == [Batch(campaign.id, (sequence,)) for sequence in range(2, 8)]
    assert plan(books, account) == []


def test_a_low_rate_lets_a_chunk_out_shortly_before_its_place(books: Books) -> None:
    campaign = begun(books, 50, rate=0.5)
    live(books, 8)
    limit = f"campaign:{campaign.id}"
    assert plan(books, places=Places({limit: -1.5})) == []
    assert plan(books, places=Places({limit: -1.9})) == [Batch(campaign.id, (2,))]
    assert plan(books, places=Places({limit: 0.1})) == []


def test_nothing_with_a_rate_is_published_while_nobody_knows_its_places(books: Books) -> None:
    begun(books, 50, rate=20.0)
    free = begun(books, 50)
    live(books, 8)
    unknown = Places(None)
    assert {batch.campaign_id for batch in plan(books, places=unknown)} == {free.id}
    assert plan(books, 20.0, unknown) == []


def test_an_accounts_places_go_round_whoever_has_been_without_for_the_longest_first(
    books: Books,
) -> None:
    large = begun(books, 50)
    small = [begun(books, 1 + n) for n in (1, 3, 1)]
    live(books, 32)
    served = []
    for _ in range(8):
        (batch,) = plan(books, 1.0)
        served.append(batch.campaign_id)
        OneCampaign(books, batch.campaign_id).attempt(ACCEPTED, *batch.sequences)
    first, second, third = (campaign.id for campaign in small)
    assert served[:4] == [large.id, first, second, third]
    assert served[4:] == [large.id, second, large.id, second]


def test_what_came_back_keeps_its_turn(books: Books) -> None:
    one, other = begun(books, 50), begun(books, 50)
    live(books, 32)
    assert plan(books, 1.0) == [Batch(one.id, (2,))]
    assert plan(books, 1.0) == []
    one.do(transitions.give_back, [2])
    assert plan(books, 1.0) == [Batch(one.id, (2,))]
    one.attempt(ACCEPTED, 2)
    assert plan(books, 1.0) == [Batch(other.id, (2,))]


def test_a_clock_that_was_set_back_costs_no_campaign_its_turn(books: Books) -> None:
    campaign = begun(books, 50)
    begun(books, 50)
    books.run(
        "UPDATE attempt SET started_at = started_at + interval '1 h' WHERE campaign_id = :id",
        id=campaign.id,
    )
    live(books, 8)
    assert plan(books, 1.0) == [Batch(campaign.id, (2,))]


def test_an_accounts_rate_is_shared_by_those_that_can_use_it(books: Books) -> None:
    slow = begun(books, 50, rate=0.5)
    waiting, busy = begun(books, 1), begun(books, 50)
    books.campaign(50, account="other")
    live(books, 32)
    batches = plan(books, rate=80.0)
    assert [batch.campaign_id for batch in batches].count(slow.id) == 1
    assert waiting.published() == []
    assert len(busy.published()) == 20


def test_busy_campaigns_share_an_accounts_rate_alike(books: Books) -> None:
    campaigns = [begun(books, 50) for _ in range(4)]
    live(books, 32)
    plan(books, rate=80.0)
    assert [len(campaign.published()) for campaign in campaigns] == [6, 5, 5, 5]


def test_a_campaign_that_waits_for_its_rate_makes_no_others_lists_short(books: Books) -> None:
    begun(books, 50, took=3600 * SECOND, rate=0.001)
    many(books, 0.01 * SECOND)
    live(books, 8)
    assert max(len(batch.sequences) for batch in plan(books)) == 16


def test_while_attempts_are_in_doubt_all_campaigns_together_begin_what_is_left(
    books: Books,
) -> None:
    campaign, others = begun(books, 50), [begun(books, 50) for _ in range(3)]
    campaign.attempts_each(IN_DOUBT, range(2, 6))
    others[0].claimed(2)
    live(books, 32)
    batches = plan(books)
    assert sum(len(batch.sequences) for batch in batches) == 5
    campaign.due(2, 3, 4, 5)
    in_doubt = [sequence for batch in plan(books) for sequence in batch.sequences]
    assert in_doubt == [2, 3, 4, 5]


def test_behind_the_bound_one_chunk_of_an_account_is_published_one_in_doubt_already(
    books: Books,
) -> None:
    first, campaign = begun(books, 50), begun(books, 120)
    campaign.attempts_each(IN_DOUBT, range(2, 12))
    campaign.set_chunks(*range(2, 12), due_at=books.now() + 60 * SECOND)
    live(books, 8)
    assert plan(books) == []
    campaign.due(7, 9)
    assert plan(books) == [Batch(campaign.id, (7,))]
    assert plan(books) == []
    assert first.published() == []


def test_a_clean_one_is_published_where_nothing_else_is_left_and_not_soon_again(
    books: Books,
) -> None:
    campaign = begun(books, 120)
    campaign.attempts_each(IN_DOUBT, range(2, 12))
    campaign.set_chunks(*range(2, 12), state="unresolved", settled_at=books.now())
    live(books, 8)
    assert plan(books) == []
    books.account_is(fresh_from=books.now() - SECOND)
    assert plan(books) == [Batch(campaign.id, (12,))]
    assert plan(books) == []


def test_after_probes_an_account_goes_on_slowly_too(books: Books) -> None:
    campaign = begun(books, 50)
    campaign.attempts_each(IN_DOUBT, range(2, 12))
    campaign.set_chunks(*range(3, 12), due_at=books.now() + 60 * SECOND)
    campaign.due(2)
    live(books, 32)
    assert plan(books) == [Batch(campaign.id, (2,))]
    campaign.attempt(ACCEPTED, 2)
    assert plan(books) == [Batch(campaign.id, (12,))]
    campaign.attempt(ACCEPTED, 12)
    assert [n for batch in plan(books) for n in batch.sequences] == [13, 14]


def test_after_a_rest_an_account_goes_on_as_fast_as_its_attempts_end_well(books: Books) -> None:
    campaign = begun(books, 50)
    books.account_is(throttled_until=books.now())
    live(books, 32)
    for _ in range(3):
        batches = plan(books)
        for batch in batches:
            campaign.attempts_each(ACCEPTED, batch.sequences)
    assert campaign.states().count("delivered") == 1 + 1 + 2 + 4
    books.time_passes(30 * SECOND)
    live(books, 32)
    assert sum(len(batch.sequences) for batch in plan(books)) > 8
