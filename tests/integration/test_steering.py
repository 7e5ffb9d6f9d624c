"""Pause, resume, cancel and rate: what they do, done twice, and where they are impossible."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from dispatcher.books import transitions
from dispatcher.books.transitions import Claim
from dispatcher.books.upkeep import Duty
from dispatcher.errors import ImpossibleInState
from tests.integration.builders import ACCEPTED, IN_DOUBT, REFUSED, Books, OneCampaign
from tests.integration.racing import race

SECOND = timedelta(seconds=1)


def test_a_pause_begins_nothing_more_and_lets_the_wire_finish(books: Books) -> None:
    campaign = books.campaign(2)
    claim = campaign.claimed(1)
    campaign.do(transitions.pause)
    assert campaign.claim(2) is None
    assert campaign.record(claim, ACCEPTED)
    shown = campaign.rolled_up()
    assert (shown.state, shown.members.delivered, shown.reason) == ("paused", 10, None)


def test_a_paused_campaign_whose_last_chunk_comes_back_is_completed(books: Books) -> None:
    campaign = books.campaign()
    claim = campaign.claimed()
    campaign.do(transitions.pause)
    campaign.record(claim, ACCEPTED)
    assert books.needing(Duty.SUM_UP) == [campaign.id]
    assert campaign.rolled_up().state == "completed"


def test_a_resume_goes_on_where_it_stood(books: Books) -> None:
    campaign = books.campaign(3)
    campaign.attempt(ACCEPTED, 1)
    campaign.publish(1)
    campaign.do(transitions.pause)
    campaign.do(transitions.resume)
    assert campaign.shown().state == "running"
    assert campaign.states() == ["delivered", "pending", "pending"]
    assert campaign.published() == []
    assert campaign.claim(2) is not None


def test_a_resume_clears_the_reason_of_the_pause(books: Books) -> None:
    campaign = books.campaign()
    campaign.attempt(REFUSED)
    assert campaign.shown().reason is not None
    campaign.do(transitions.pause)
    assert campaign.shown().reason is not None
    campaign.do(transitions.resume)
    assert campaign.shown().reason is None


def test_a_resumed_campaign_whose_time_is_yet_to_come_is_scheduled_again(books: Books) -> None:
    campaign = books.campaign(send_at=books.now() + 60 * SECOND)
    campaign.do(transitions.pause)
    campaign.do(transitions.resume)
    assert (campaign.shown().state, campaign.shown().started_at) == ("scheduled", None)
    campaign.do(transitions.pause)
    books.time_passes(60 * SECOND)
    campaign.do(transitions.resume)
    assert campaign.shown().state == "running"
    assert campaign.shown().started_at is not None


def test_a_resume_passes_over_what_a_worker_is_claiming(books: Books) -> None:
    campaign = books.campaign(2)
    campaign.publish()
    with books.engine.connect() as worker:
        transitions.give_back(worker, campaign.id, [1])
        campaign.do(transitions.pause)
        campaign.do(transitions.resume)
        worker.commit()
    assert campaign.published() == []


def test_a_cancel_leaves_nothing_pending(books: Books) -> None:
    campaign = books.campaign(4).in_doubt(2)
    campaign.attempt(ACCEPTED, 1)
    campaign.publish()
    campaign.do(transitions.cancel)
    assert campaign.states() == ["delivered", "unresolved", "cancelled", "cancelled"]
    shown = campaign.shown()
    members = shown.members
    assert (shown.state, shown.ended, members.remaining) == ("cancelled", True, 0)
    assert (members.delivered, members.unresolved, members.cancelled) == (10, 10, 20)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(ACCEPTED, "delivered"), (IN_DOUBT, "unresolved"), (REFUSED, "cancelled")],
)
def test_what_is_on_the_wire_at_a_cancel_is_settled_when_it_is_back(
    books: Books, outcome: Any, state: str
) -> None:
    campaign = books.campaign()
    claim = campaign.claimed()
    campaign.do(transitions.cancel)
    assert campaign.states() == ["sending"]
    assert campaign.shown().finished_at is None
    assert campaign.record(claim, outcome)
    shown = campaign.rolled_up()
    assert campaign.states() == [state]
    assert (shown.state, shown.ended) == ("cancelled", True)


def test_what_a_dead_worker_had_at_a_cancel_is_unresolved(books: Books) -> None:
    campaign = books.campaign()
    campaign.claimed()
    campaign.do(transitions.cancel)
    books.time_passes(timedelta(minutes=1))
    books.do(transitions.take_back_lost_leases)
    assert campaign.rolled_up().members.unresolved == 10


def test_a_cancel_that_races_with_claims_leaves_each_chunk_with_one_of_them(books: Books) -> None:
    campaign = books.campaign(6)
    claims = [lambda n=n: campaign.claim(n) for n in range(1, 7)]
    raced: list[Claim | int | None] = race(*claims, lambda: campaign.do(transitions.cancel))
    won = [claim for claim in raced if isinstance(claim, Claim)]
    assert campaign.states().count("sending") == len(won)
    assert campaign.states().count("cancelled") == 6 - len(won)
    for claim in won:
        assert campaign.record(claim, ACCEPTED)
    assert campaign.rolled_up().members.delivered == 10 * len(won)
    assert campaign.shown().ended


@pytest.mark.parametrize("rate", [20.0, None])
def test_a_rate_can_be_set_and_lifted(books: Books, rate: float | None) -> None:
    campaign = books.campaign(rate=5.0)
    campaign.do(transitions.set_rate, rate)
    campaign.do(transitions.set_rate, rate)
    assert campaign.shown().rate == rate


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        (transitions.pause, "paused"),
        (transitions.resume, "running"),
        (transitions.cancel, "cancelled"),
    ],
)
def test_what_is_done_already_is_done(books: Books, verb: Callable[..., None], state: str) -> None:
    campaign = books.campaign(2)
    campaign.do(verb)
    before = campaign.shown(), campaign.states()
    campaign.do(verb)
    assert (campaign.shown(), campaign.states()) == before
    assert campaign.shown().state == state


def complete(campaign: OneCampaign) -> None:
    campaign.attempt(ACCEPTED)
    campaign.rolled_up()


def cancel(campaign: OneCampaign) -> None:
    campaign.do(transitions.cancel)


def expire(campaign: OneCampaign) -> None:
    campaign.expire()


PAUSED = "it cannot be paused"
RESUMED = "it cannot be resumed"
CANCELLED = "it cannot be cancelled"
RATED = "it has no rate any more"


@pytest.mark.parametrize(
    ("end", "verb", "arguments", "words"),
    [
        (complete, transitions.pause, (), f"is completed: {PAUSED}"),
        (cancel, transitions.pause, (), f"is cancelled: {PAUSED}"),
        (expire, transitions.pause, (), f"is expired: {PAUSED}"),
        (complete, transitions.resume, (), f"is completed: {RESUMED}"),
        (cancel, transitions.resume, (), f"is cancelled: {RESUMED}"),
        (expire, transitions.resume, (), f"is expired: {RESUMED}"),
        (complete, transitions.cancel, (), f"is completed: {CANCELLED}"),
        (expire, transitions.cancel, (), f"is expired: {CANCELLED}"),
        (complete, transitions.set_rate, (5.0,), f"is completed: {RATED}"),
        (cancel, transitions.set_rate, (None,), f"is cancelled: {RATED}"),
    ],
)
def test_an_ended_campaign_refuses_with_a_sentence(
    books: Books,
    end: Callable[[OneCampaign], None],
    verb: Callable[..., None],
    arguments: tuple[object, ...],
    words: str,
) -> None:
    campaign = books.campaign()
    end(campaign)
    before = campaign.shown()
    with pytest.raises(ImpossibleInState, match=f"^Campaign {campaign.id} {words}.$"):
        campaign.do(verb, *arguments)
    assert campaign.shown() == before
