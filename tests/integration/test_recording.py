"""Records: what each outcome leaves in the chunk's row and in the attempt log."""

from datetime import timedelta

import pytest

from dispatcher.books import transitions
from dispatcher.books.transitions import Report
from dispatcher.lifecycle import Outcome, decide, name_of
from tests.integration.builders import (
    ACCEPTED,
    ALREADY_SENT,
    BUSY,
    CORRUPTED,
    IN_DOUBT,
    NOBODY_FOUND,
    NOT_SENT,
    REFUSED,
    THROTTLED,
    UNKNOWN_APP,
    WINDOW,
    WRONG,
    Books,
)
from tests.integration.racing import race

# The states after no attempt in doubt, after one with its window open, after one with it closed.
TABLE: list[tuple[Outcome, str, str, str]] = [
    (ACCEPTED, "delivered", "delivered", "delivered"),
    (ALREADY_SENT, "uncounted", "uncounted", "uncounted"),
    (NOBODY_FOUND, "rejected", "unresolved", "unresolved"),
    (UNKNOWN_APP, "rejected", "unresolved", "unresolved"),
    (WRONG, "rejected", "rejected", "rejected"),
    (REFUSED, "pending", "pending", "unresolved"),
    (CORRUPTED, "pending", "pending", "unresolved"),
    (NOT_SENT, "pending", "pending", "unresolved"),
    (THROTTLED, "pending", "pending", "unresolved"),
    (IN_DOUBT, "pending", "pending", "unresolved"),
    (BUSY, "pending", "pending", "unresolved"),
]
each_outcome = pytest.mark.parametrize("outcome", [row[0] for row in TABLE], ids=name_of)


@pytest.mark.parametrize(("outcome", "clean", "doubtful", "closed"), TABLE)
def test_the_row_takes_the_state_that_the_outcome_decides(
    books: Books, outcome: Outcome, clean: str, doubtful: str, closed: str
) -> None:
    states = []
    for passes in (None, timedelta(0), WINDOW):
        campaign = books.campaign()
        if passes is not None:
            campaign.in_doubt(1)
        claim = campaign.claimed()
        decided_at = books.now() + (passes or timedelta(0))
        decision = decide(outcome, claim.facts(WINDOW), decided_at)
        assert books.do(transitions.record, Report(claim, outcome, decision))
        states += campaign.states()
        books.account_is(hold_until=None)
    assert states == [clean, doubtful, closed]


@each_outcome
def test_the_attempt_is_logged_once_with_what_it_came_to(books: Books, outcome: Outcome) -> None:
    campaign = books.campaign()
    claim = campaign.attempt(outcome)
    (attempt,) = campaign.attempts()
    chunk = campaign.chunk()
    assert (attempt.attempt, attempt.round, attempt.worker) == (1, 1, "worker-1")
    assert attempt.started_at == claim.claimed_at <= attempt.ended_at
    assert (attempt.outcome, attempt.chunk_state) == (name_of(outcome), chunk.state)
    reason = getattr(outcome, "reason", None)
    assert (attempt.http_status, attempt.code, attempt.error) == (
        reason and reason.http_status,
        reason and reason.code,
        reason and reason.message,
    )
    assert (chunk.http_status, chunk.code, chunk.error) == (
        attempt.http_status,
        attempt.code,
        attempt.error,
    )


def test_an_accepted_chunk_keeps_the_vendors_numbers_and_loses_its_doubt(books: Books) -> None:
    campaign = books.campaign().in_doubt(1)
    campaign.attempt(ACCEPTED)
    chunk = campaign.chunk()
    assert (chunk.audience, chunk.successful, chunk.erroneous) == (9, 8, 1)
    assert (chunk.error, chunk.in_doubt_since, chunk.lease_until) == (None, None, None)
    assert chunk.settled_at is not None
    assert campaign.attempts()[1].error_details == ACCEPTED.error_details


def test_a_chunk_that_goes_back_is_due_after_its_back_off(books: Books) -> None:
    campaign = books.campaign()
    campaign.attempt(NOT_SENT)
    wait = campaign.chunk().due_at - campaign.attempts()[0].ended_at
    assert timedelta(seconds=0.5) <= wait <= timedelta(seconds=1)
    assert campaign.chunk().in_doubt_since is None


def test_what_was_sent_nowhere_clears_only_its_own_doubt(books: Books) -> None:
    campaign = books.campaign().in_doubt(1)
    since = campaign.chunk().in_doubt_since
    campaign.attempt(NOT_SENT)
    assert campaign.chunk().in_doubt_since == since


def test_damaged_requests_are_counted_over_attempts(books: Books) -> None:
    campaign = books.campaign()
    for count in (1, 2, 3):
        assert campaign.shown().state == "running"
        campaign.attempt(CORRUPTED)
        campaign.due(1)
        assert campaign.chunk().corruptions == count
    assert campaign.shown().state == "paused"


@each_outcome
def test_a_record_repeated_after_a_lost_commit_changes_nothing(
    books: Books, outcome: Outcome
) -> None:
    campaign = books.campaign()
    claim = campaign.attempt(outcome)
    before = campaign.chunk(), campaign.attempts(), books.account()
    assert not campaign.record(claim, outcome)
    assert (campaign.chunk(), campaign.attempts(), books.account()) == before
    assert campaign.was_recorded(claim, outcome)


@each_outcome
def test_what_another_recorded_was_not_recorded_before(books: Books, outcome: Outcome) -> None:
    campaign = books.campaign()
    first = campaign.claimed()
    books.time_passes(timedelta(minutes=1))
    books.do(transitions.take_back_lost_leases)
    assert not campaign.was_recorded(first, outcome)
    campaign.attempt(ACCEPTED)
    campaign.record(first, outcome)
    assert not campaign.was_recorded(first, outcome)


@each_outcome
def test_only_one_of_two_racing_records_of_a_claim_counts(books: Books, outcome: Outcome) -> None:
    campaign = books.campaign()
    claim = campaign.claimed()
    assert sorted(race(*[lambda: campaign.record(claim, outcome)] * 2)) == [False, True]
    assert len(campaign.attempts()) == 1
    assert books.account().failures == (1 if outcome is NOT_SENT else 0)


@pytest.mark.parametrize(
    "outcome", [row[0] for row in TABLE if row[0] is not ACCEPTED], ids=name_of
)
def test_who_lost_the_lease_changes_nothing(books: Books, outcome: Outcome) -> None:
    campaign = books.campaign()
    late = campaign.claimed()
    books.time_passes(timedelta(minutes=1))
    books.do(transitions.take_back_lost_leases)
    campaign.claimed(worker="worker-2")
    before = campaign.chunk(), campaign.attempts(), books.account(), campaign.shown().state
    assert not campaign.record(late, outcome)
    after = campaign.chunk(), campaign.attempts(), books.account(), campaign.shown().state
    assert after == before
