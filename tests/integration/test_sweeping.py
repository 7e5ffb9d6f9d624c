"""What time alone changes: lost leases, closed windows, times to begin and to end."""

from datetime import timedelta

from sqlalchemy import text

from dispatcher.books import fleet, transitions
from dispatcher.books.upkeep import Duty
from dispatcher.lifecycle import MOST_LOST_LEASES
from tests.integration.builders import ACCEPTED, LEASE, WINDOW, Books, OneCampaign
from tests.integration.racing import race, waiting_for_a_lock

SECOND = timedelta(seconds=1)


def lose_the_lease(campaign: OneCampaign) -> int:
    """Claim the chunk and let the lease run out; how many were taken back."""
    campaign.claimed()
    campaign.books.time_passes(LEASE)
    taken: int = campaign.books.do(transitions.take_back_lost_leases)
    return taken


def test_a_lost_lease_makes_the_chunk_pending_and_due_and_keeps_its_doubt(books: Books) -> None:
    campaign = books.campaign()
    claim = campaign.claimed()
    books.time_passes(LEASE)
    assert books.do(transitions.take_back_lost_leases) == 1
    chunk = campaign.chunk()
    assert (chunk.state, chunk.lost_leases, chunk.lease_until) == ("pending", 1, None)
    assert chunk.in_doubt_since == claim.claimed_at - LEASE
    assert chunk.due_at <= books.now()
    assert chunk.error == "Its worker did not report back"


def test_a_lost_lease_is_logged_as_the_attempts_end(books: Books) -> None:
    campaign = books.campaign()
    lose_the_lease(campaign)
    (attempt,) = campaign.attempts()
    assert (attempt.outcome, attempt.chunk_state) == ("lease_lost", "pending")
    assert (attempt.attempt, attempt.worker) == (1, "worker-1")


def test_a_lease_that_lasts_is_left_alone(books: Books) -> None:
    campaign = books.campaign()
    campaign.claimed()
    books.time_passes(LEASE / 2)
    assert books.do(transitions.take_back_lost_leases) == 0
    assert campaign.states() == ["sending"]


def test_the_fifth_lost_lease_leaves_the_chunk_unresolved_and_the_campaign_goes_on(
    books: Books,
) -> None:
    campaign = books.campaign(2)
    assert [lose_the_lease(campaign) for _ in range(MOST_LOST_LEASES)] == [1] * 5
    chunk = campaign.chunk()
    assert (chunk.state, chunk.error) == ("unresolved", "Its worker died 5 times")
    assert chunk.settled_at is not None
    assert [attempt.chunk_state for attempt in campaign.attempts()] == [
        *["pending"] * 4,
        "unresolved",
    ]
    shown = campaign.rolled_up()
    assert (shown.state, shown.members.unresolved, shown.members.remaining) == ("running", 10, 10)


def test_two_sweeps_at_once_take_a_lease_back_once(books: Books) -> None:
    campaign = books.campaign(6)
    for sequence in range(1, 7):
        campaign.claimed(sequence)
    books.time_passes(LEASE)
    assert sum(race(*[lambda: books.do(transitions.take_back_lost_leases)] * 4)) == 6
    assert campaign.chunk(3).lost_leases == 1
    assert len(campaign.attempts(3)) == 1


def test_what_is_in_doubt_is_unresolved_when_its_window_closes(books: Books) -> None:
    campaign = books.campaign(3).in_doubt(1)
    books.time_passes(WINDOW / 2)
    campaign.in_doubt(2)
    campaign.publish(1)
    books.time_passes(WINDOW / 2)
    assert campaign.do(transitions.settle_closed_windows, WINDOW) == 1
    assert campaign.states() == ["unresolved", "pending", "pending"]
    chunk = campaign.chunk(1)
    assert (chunk.error, chunk.published_at) == ("Connection reset by peer", None)


def test_what_is_on_the_wire_when_its_window_closes_may_still_be_accepted(books: Books) -> None:
    campaign = books.campaign().in_doubt(1)
    claim = campaign.claimed()
    books.time_passes(WINDOW)
    assert campaign.do(transitions.settle_closed_windows, WINDOW) == 0
    assert campaign.record(claim, ACCEPTED)
    assert campaign.states() == ["delivered"]


def test_a_pause_does_not_stop_the_window_and_the_paused_campaign_shows_its_end(
    books: Books,
) -> None:
    campaign = books.campaign().in_doubt(1)
    campaign.do(transitions.pause)
    books.time_passes(WINDOW)
    assert books.needing(Duty.SETTLE) == [campaign.id]
    assert campaign.do(transitions.settle_closed_windows, WINDOW) == 1
    assert books.needing(Duty.SETTLE) == []
    shown = campaign.shown()
    assert (shown.state, shown.members.unresolved) == ("completed", 10)


def test_a_scheduled_campaign_starts_when_its_time_has_come(books: Books) -> None:
    campaign = books.campaign(send_at=books.now() + 60 * SECOND)
    assert books.needing(Duty.START) == []
    assert not campaign.do(transitions.start_due)
    assert (campaign.shown().state, campaign.shown().started_at) == ("scheduled", None)
    assert campaign.claim() is None
    books.time_passes(60 * SECOND)
    assert books.needing(Duty.START) == [campaign.id]
    assert campaign.do(transitions.start_due)
    assert campaign.shown().state == "running"
    assert campaign.shown().started_at is not None
    assert campaign.claim() is not None


def test_a_paused_campaign_does_not_start(books: Books) -> None:
    campaign = books.campaign(send_at=books.now() + 60 * SECOND)
    campaign.do(transitions.pause)
    books.time_passes(60 * SECOND)
    assert books.needing(Duty.START) == []
    assert not campaign.do(transitions.start_due)
    assert campaign.shown().state == "paused"


def test_campaigns_are_overdue_from_their_expiry_until_they_have_expired(books: Books) -> None:
    live = [books.campaign(expires_at=books.now() + 60 * SECOND) for _ in range(2)]
    live[1].do(transitions.pause)
    books.campaign()
    assert books.needing(Duty.EXPIRE) == []
    books.time_passes(60 * SECOND)
    assert books.needing(Duty.EXPIRE) == sorted(campaign.id for campaign in live)
    for campaign in live:
        campaign.do(transitions.expire)
        assert campaign.shown().state == "expired"
    assert books.needing(Duty.EXPIRE) == []


def test_expiry_leaves_nothing_pending_and_what_is_sending_until_it_is_back(books: Books) -> None:
    campaign = books.campaign(4).in_doubt(2)
    campaign.attempt(ACCEPTED, 1)
    claim = campaign.claimed(3)
    campaign.expire()
    assert campaign.states() == ["delivered", "unresolved", "sending", "expired"]
    assert campaign.shown().finished_at is None
    assert campaign.record(claim, ACCEPTED)
    assert books.needing(Duty.SUM_UP) == [campaign.id]
    shown = campaign.rolled_up()
    assert (shown.state, shown.ended) == ("expired", True)
    assert books.needing(Duty.SUM_UP) == []


def test_expiring_what_has_ended_changes_nothing(books: Books) -> None:
    campaign = books.campaign()
    campaign.do(transitions.cancel)
    campaign.set(expires_at=books.now())
    assert not campaign.do(transitions.expire)
    assert campaign.shown().state == "cancelled"


def test_a_time_that_was_lifted_meanwhile_is_not_over(books: Books) -> None:
    campaign = books.campaign(expires_at=books.now() + 60 * SECOND)
    books.time_passes(60 * SECOND)
    with books.engine.connect() as other:
        other.execute(text("UPDATE campaign SET expires_at = expires_at + interval '1 h'"))
        with waiting_for_a_lock(books.engine, lambda: campaign.do(transitions.expire)) as expiring:
            other.commit()
    assert expiring.result() is False
    assert campaign.shown().state == "running"


def test_live_slots_are_those_of_workers_seen_lately(books: Books) -> None:
    books.do(fleet.seen, "worker-1", 8)
    books.do(fleet.seen, "worker-1", 16)
    books.do(fleet.seen, "worker-2", 4)
    assert books.do(fleet.live_slots) == 20
    books.do(fleet.gone, "worker-2")
    assert books.do(fleet.live_slots) == 16
    books.time_passes(6 * SECOND)
    assert books.do(fleet.live_slots) == 0


def test_one_of_the_workers_seen_lately_leads(books: Books) -> None:
    assert books.do(fleet.seen, "worker-2", 8)
    assert books.do(fleet.seen, "worker-1", 8)
    assert not books.do(fleet.seen, "worker-2", 8)
    books.time_passes(3 * SECOND)
    assert books.do(fleet.seen, "worker-2", 8)
    assert books.do(fleet.seen, "worker-1", 8)
    books.do(fleet.gone, "worker-1")
    assert books.do(fleet.seen, "worker-2", 8)


def test_a_dead_worker_seen_before_the_clock_was_set_back_does_not_lead(books: Books) -> None:
    books.do(fleet.seen, "worker-1", 8)
    books.time_passes(-3600 * SECOND)
    assert books.do(fleet.seen, "worker-2", 8)


def test_workers_that_ended_without_a_word_are_forgotten(books: Books) -> None:
    for number in range(100):
        books.do(fleet.seen, f"killed-{number}", 8)
    books.time_passes(timedelta(hours=1))
    books.do(fleet.seen, "alive", 8)
    books.do(fleet.forget_the_dead)
    assert [row.name for row in books.rows("SELECT name FROM worker")] == ["alive"]
