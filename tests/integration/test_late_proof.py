"""An accepted reply is true whoever brings it, however late; nothing else that is late counts."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from dispatcher.books import audit, transitions
from dispatcher.books.transitions import Claim
from dispatcher.lifecycle import ChunkState
from tests.integration.builders import (
    ACCEPTED,
    ALREADY_SENT,
    IN_DOUBT,
    NOT_SENT,
    WINDOW,
    WRONG,
    Books,
    OneCampaign,
)
from tests.integration.racing import race, waiting_for_a_lock

MINUTE = timedelta(minutes=1)


def lost(campaign: OneCampaign) -> Claim:
    """A claim whose lease was lost, and whose chunk is pending again."""
    claim = campaign.claimed()
    campaign.books.time_passes(MINUTE)
    assert campaign.books.do(transitions.take_back_lost_leases) == 1
    return claim


def stay_pending(campaign: OneCampaign) -> None:
    assert campaign.states() == ["pending"]


def be_published(campaign: OneCampaign) -> None:
    assert campaign.publish() == [1]


def be_sent_by_another(campaign: OneCampaign) -> None:
    campaign.claimed(worker="worker-2")


def be_uncounted(campaign: OneCampaign) -> None:
    campaign.attempt(ALREADY_SENT)


def be_cancelled(campaign: OneCampaign) -> None:
    campaign.do(transitions.cancel)


def be_rejected(campaign: OneCampaign) -> None:
    campaign.attempt(WRONG)
    campaign.do(transitions.roll_up)


def be_unresolved(campaign: OneCampaign) -> None:
    campaign.books.time_passes(WINDOW)
    assert campaign.do(transitions.settle_closed_windows, WINDOW) == 1


@pytest.mark.parametrize(
    "meanwhile",
    [stay_pending, be_published, be_sent_by_another, be_uncounted, be_unresolved, be_rejected],
)
def test_late_proof_makes_the_chunk_delivered(
    books: Books, meanwhile: Callable[[OneCampaign], None]
) -> None:
    campaign = books.campaign()
    claim = lost(campaign)
    meanwhile(campaign)
    assert campaign.record(claim, ACCEPTED)
    chunk, shown = campaign.chunk(), campaign.shown()
    assert (chunk.state, chunk.audience, chunk.error) == ("delivered", 9, None)
    assert (shown.members.delivered, shown.members.remaining) == (10, 0)
    assert (shown.state, shown.result.successful) == ("completed", 8)


def test_a_chunk_whose_rejection_was_disproven_is_not_sent_again(books: Books) -> None:
    campaign = books.campaign()
    claim = lost(campaign)
    be_rejected(campaign)
    assert campaign.record(claim, ACCEPTED)
    assert campaign.do(transitions.retry, ChunkState.REJECTED) == 0
    assert campaign.states() == ["delivered"]
    assert not verdict(campaign)


def test_a_proof_that_comes_after_a_retry_is_told_and_leaves_the_new_round_alone(
    books: Books,
) -> None:
    campaign = books.campaign()
    claim = lost(campaign)
    be_rejected(campaign)
    assert campaign.do(transitions.retry, ChunkState.REJECTED) == 1
    assert not campaign.record(claim, ACCEPTED)
    assert campaign.states() == ["pending"]
    told = " ".join(event.what for event in campaign.do(audit.explain, WINDOW).happened)
    assert "10 members in 1 chunk turned out to have been accepted after" in told
    assert not verdict(campaign)


@pytest.mark.parametrize("end", [be_cancelled, OneCampaign.expire])
def test_what_may_have_been_sent_neither_expires_nor_is_cancelled_so_that_a_proof_finds_it(
    books: Books, end: Callable[[OneCampaign], None]
) -> None:
    campaign = books.campaign(2)
    claim = lost(campaign)
    end(campaign)
    assert campaign.states()[0] == "unresolved"
    assert campaign.record(claim, ACCEPTED)
    assert campaign.states()[0] == "delivered"


def verdict(campaign: OneCampaign) -> set[str]:
    """The rules that do not hold; the tests' chunks hold no members."""
    found = campaign.do(audit.verify, timedelta(seconds=600)).findings
    return {finding.rule for finding in found} - {
        "every chunk holds as many members as its size says"
    }


def test_late_proof_corrects_a_campaign_that_was_finished(books: Books) -> None:
    campaign = books.campaign()
    claim = lost(campaign)
    be_unresolved(campaign)
    finished = campaign.rolled_up()
    assert (finished.state, finished.members.unresolved) == ("completed", 10)
    assert campaign.record(claim, ACCEPTED)
    shown = campaign.shown()
    assert (shown.members.unresolved, shown.members.delivered) == (0, 10)
    assert shown.finished_at == finished.finished_at


def test_a_lease_that_nobody_took_back_yet_is_no_obstacle(books: Books) -> None:
    campaign = books.campaign()
    claim = campaign.claimed()
    books.time_passes(MINUTE)
    assert campaign.record(claim, ACCEPTED)
    assert campaign.states() == ["delivered"]


def test_the_attempt_log_learns_what_the_lost_attempt_came_to(books: Books) -> None:
    campaign = books.campaign()
    claim = lost(campaign)
    assert [attempt.outcome for attempt in campaign.attempts()] == ["lease_lost"]
    campaign.record(claim, ACCEPTED)
    (attempt,) = campaign.attempts()
    assert (attempt.outcome, attempt.chunk_state, attempt.error) == ("accepted", "delivered", None)
    assert attempt.error_details == ACCEPTED.error_details


def test_the_attempt_that_a_late_proof_overtook_is_logged_at_its_end(books: Books) -> None:
    campaign = books.campaign()
    first = lost(campaign)
    second = campaign.claimed(worker="worker-2")
    assert campaign.record(first, ACCEPTED)
    assert not campaign.record(second, ALREADY_SENT)
    assert [(attempt.worker, attempt.outcome) for attempt in campaign.attempts()] == [
        ("worker-1", "accepted"),
        ("worker-2", "already_sent"),
    ]
    assert campaign.attempts()[1].started_at == second.claimed_at
    assert campaign.states() == ["delivered"]


def test_a_chunk_that_was_accepted_twice_can_be_seen_in_the_attempt_log(books: Books) -> None:
    campaign = books.campaign()
    first = lost(campaign)
    campaign.attempt(ACCEPTED)
    assert not campaign.record(first, ACCEPTED)
    assert [attempt.outcome for attempt in campaign.attempts()] == ["accepted", "accepted"]


def test_proof_of_an_earlier_round_does_not_settle_the_present_one(books: Books) -> None:
    campaign = books.campaign()
    claim = lost(campaign)
    campaign.set_chunks(1, round=2, in_doubt_since=None)
    assert not campaign.record(claim, ACCEPTED)
    assert campaign.states() == ["pending"]


def test_what_proves_nothing_comes_too_late(books: Books) -> None:
    campaign = books.campaign()
    claim = lost(campaign)
    for outcome in (IN_DOUBT, NOT_SENT, ALREADY_SENT):
        assert not campaign.record(claim, outcome)
    assert campaign.states() == ["pending"]
    assert [attempt.outcome for attempt in campaign.attempts()] == ["lease_lost"]


def test_two_late_proofs_at_once_settle_the_chunk_once(books: Books) -> None:
    campaign = books.campaign()
    claims = [lost(campaign), lost(campaign)]
    recorded = race(*[lambda claim=claim: campaign.record(claim, ACCEPTED) for claim in claims])
    assert sorted(recorded) == [False, True]
    assert campaign.shown().members.delivered == 10


def test_late_proof_waits_for_the_campaigns_row_before_it_touches_its_chunk(books: Books) -> None:
    campaign = books.campaign()
    claim = lost(campaign)
    books.account_is(failures=3)
    with books.engine.connect() as other:
        transitions.pause(other, campaign.id)
        with waiting_for_a_lock(books.engine, lambda: campaign.record(claim, ACCEPTED)) as proof:
            transitions.resume(other, campaign.id)
            books.account_is(failures=2)
            other.commit()
    assert proof.result()


def test_a_late_proof_and_a_cancel_at_once_do_not_wait_for_each_other_in_a_ring(
    books: Books,
) -> None:
    campaign = books.campaign(2)
    claim = campaign.claimed(1)
    campaign.set_chunks(1, lease_until=books.now())
    books.do(transitions.take_back_lost_leases)
    with books.engine.connect() as operator:
        operator.execute(text("SELECT FROM campaign FOR NO KEY UPDATE"))
        with waiting_for_a_lock(books.engine, lambda: campaign.record(claim, ACCEPTED)) as proof:
            transitions.cancel(operator, campaign.id)
            operator.commit()
            proof.result(5)
    assert campaign.states() == ["delivered", "cancelled"]
