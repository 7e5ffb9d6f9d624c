"""The campaign's row: the sum of its chunks, at every moment and under every race."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.books import transitions
from dispatcher.books.campaigns import Campaign, Remaining
from tests.integration.builders import (
    ACCEPTED,
    ALREADY_SENT,
    CORRUPTED,
    IN_DOUBT,
    NOBODY_FOUND,
    NOT_SENT,
    WRONG,
    Books,
)
from tests.integration.racing import race, waiting_for_a_lock

OUTCOMES = (ACCEPTED, ALREADY_SENT, NOBODY_FOUND, WRONG, NOT_SENT, IN_DOUBT, CORRUPTED, None)


def adds_up(campaign: Campaign) -> bool:
    """Whether members and chunks are complete."""
    members, chunks, remaining = campaign.members, campaign.chunks, campaign.remaining
    return (
        members.failed + members.delivered + members.uncounted + members.remaining == members.total
        and remaining.pending + remaining.sending + remaining.in_doubt == members.remaining
        and remaining.pending >= 0
        and chunks.total == sum(getattr(chunks, name) for name in chunks.__slots__[1:])
    )


def test_the_sums_are_those_of_the_chunks(books: Books) -> None:
    campaign = books.campaign(7)
    campaign.attempts_each(ACCEPTED, (1, 5))
    campaign.attempt(ALREADY_SENT, 2)
    campaign.attempt(NOBODY_FOUND, 3)
    campaign.attempt(IN_DOUBT, 4)
    campaign.claimed(6)
    shown = campaign.rolled_up()
    assert adds_up(shown)
    assert (shown.members.delivered, shown.members.uncounted, shown.members.rejected) == (
        20,
        10,
        10,
    )
    assert (shown.members.remaining, shown.chunks.pending, shown.chunks.sending) == (30, 2, 1)
    assert shown.remaining == Remaining(pending=10, sending=10, in_doubt=10)
    assert (shown.result.audience, shown.result.successful, shown.result.erroneous) == (18, 16, 2)
    assert shown.finished_at is None


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=8), st.booleans())
def test_the_sums_add_up_whatever_happens(
    books: Books, outcomes: list[Any], cancelled: bool
) -> None:
    campaign = books.campaign(len(outcomes) + 1)
    for sequence, outcome in enumerate(outcomes, 1):
        claim = campaign.claim(sequence)
        if claim is not None and outcome is not None:
            campaign.record(claim, outcome)
    if cancelled:
        campaign.do(transitions.cancel)
    shown = campaign.rolled_up()
    assert adds_up(shown)
    assert shown.chunks.sending == campaign.states().count("sending")
    assert shown.members.delivered == 10 * campaign.states().count("delivered")


def test_a_campaign_is_finished_when_nothing_remains_and_not_before(books: Books) -> None:
    campaign = books.campaign(2)
    campaign.attempt(ACCEPTED, 1)
    claim = campaign.claimed(2)
    assert (campaign.rolled_up().state, campaign.rolled_up().ended) == ("running", False)
    campaign.record(claim, NOBODY_FOUND)
    finished = campaign.rolled_up()
    assert (finished.state, finished.ended) == ("completed", True)
    assert campaign.rolled_up() == finished


def test_a_rollup_that_waited_for_the_row_does_not_write_what_was_true_before(
    books: Books,
) -> None:
    campaign = books.campaign(3)
    campaign.attempt(ACCEPTED, 1)
    with books.engine.connect() as other:
        transitions.pause(other, campaign.id)
        with waiting_for_a_lock(books.engine, lambda: campaign.do(transitions.roll_up)) as rollup:
            campaign.attempt(ACCEPTED, 2)
            transitions.roll_up(other, campaign.id)
            other.commit()
        rollup.result()
    assert campaign.shown().members.delivered == 20


def test_rollups_that_race_with_records_never_lose_one(books: Books) -> None:
    campaign = books.campaign(8)

    def deliver(sequence: int) -> None:
        campaign.attempt(ACCEPTED, sequence)
        campaign.do(transitions.roll_up)

    race(*[lambda n=n: deliver(n) for n in range(1, 9)])
    shown = campaign.shown()
    assert (shown.state, shown.members.delivered, shown.result.audience) == ("completed", 80, 72)
