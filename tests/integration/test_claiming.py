"""Claims: who may send a chunk, and for how long."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from dispatcher.books import standing, transitions
from dispatcher.books.transitions import Claim, Further, Place
from dispatcher.lifecycle import FAILURES_BEFORE_HOLD
from tests.integration.builders import (
    ACCEPTED,
    IN_DOUBT,
    LEASE,
    NOT_SENT,
    WINDOW,
    Books,
    OneCampaign,
)
from tests.integration.racing import race

SECOND = timedelta(seconds=1)


def test_a_claim_holds_the_chunk_for_the_lease(books: Books) -> None:
    campaign = books.campaign(2)
    claim = campaign.claimed(2)
    chunk = campaign.chunk(2)
    assert campaign.states() == ["pending", "sending"]
    assert (claim.sequence, claim.round, claim.attempt, claim.size) == (2, 1, 1, 10)
    assert claim.pack_id == f"{campaign.id}-2-1"
    assert claim.in_doubt_before is None
    assert claim.time_left == WINDOW
    assert chunk.lease_until == claim.claimed_at + LEASE
    assert chunk.in_doubt_since == chunk.claimed_at == claim.claimed_at
    assert chunk.claimed_by == "worker-1"


def test_a_claim_takes_the_chunk_out_of_what_is_published(books: Books) -> None:
    campaign = books.campaign()
    assert campaign.publish() == [1]
    campaign.claimed()
    assert campaign.published() == []


def test_a_later_claim_keeps_the_first_doubt_and_what_is_left_of_its_window(books: Books) -> None:
    campaign = books.campaign()
    first = campaign.attempt(IN_DOUBT)
    books.time_passes(100 * SECOND)
    second = campaign.claimed()
    assert second.attempt == 2
    assert second.in_doubt_before == first.claimed_at - 100 * SECOND
    assert campaign.chunk().in_doubt_since == second.in_doubt_before
    assert timedelta(0) < WINDOW - 100 * SECOND - second.time_left < 30 * SECOND


def test_only_one_of_many_racing_workers_gets_the_chunk(books: Books) -> None:
    campaign = books.campaign()
    claims = race(*[campaign.claim] * 8)
    assert len([claim for claim in claims if claim is not None]) == 1
    assert campaign.chunk().attempt == 1


def test_workers_that_race_for_several_chunks_share_none(books: Books) -> None:
    campaign = books.campaign(4)
    claims = race(*[lambda n=n: campaign.claim(n % 4 + 1) for n in range(12)])
    won = sorted(claim.sequence for claim in claims if claim is not None)
    assert won == [1, 2, 3, 4]


def pause(campaign: OneCampaign) -> None:
    campaign.do(transitions.pause)


def cancel(campaign: OneCampaign) -> None:
    campaign.do(transitions.cancel)


def run_out(campaign: OneCampaign) -> None:
    campaign.set(expires_at=campaign.books.now() - SECOND)


def schedule(campaign: OneCampaign) -> None:
    campaign.set(state="scheduled")


def be_sending(campaign: OneCampaign) -> None:
    campaign.claimed()


def be_rejected_for_good(campaign: OneCampaign) -> None:
    campaign.expire()


def be_due_later(campaign: OneCampaign) -> None:
    campaign.set_chunks(1, due_at=campaign.books.now() + 10 * SECOND)


def close_the_window(campaign: OneCampaign) -> None:
    campaign.in_doubt(1)
    campaign.books.time_passes(WINDOW)


def hold_the_account(campaign: OneCampaign) -> None:
    campaign.books.account_is(hold_until=campaign.books.now() + 10 * SECOND)


@pytest.mark.parametrize(
    "happens",
    [
        pause,
        cancel,
        run_out,
        schedule,
        be_sending,
        be_rejected_for_good,
        be_due_later,
        close_the_window,
        hold_the_account,
    ],
)
def test_nothing_is_claimed_when(books: Books, happens: Callable[[OneCampaign], None]) -> None:
    campaign = books.campaign(2)
    happens(campaign)
    before = campaign.chunk()
    assert campaign.claim() is None
    assert campaign.chunk() == before


def test_nothing_is_claimed_of_what_is_not_there(books: Books) -> None:
    assert books.campaign(2).claim(3) is None


def test_a_hold_that_is_over_holds_nobody(books: Books) -> None:
    campaign = books.campaign()
    hold_the_account(campaign)
    books.time_passes(10 * SECOND)
    assert campaign.claim() is not None


def failing(books: Books, chunks: int) -> OneCampaign:
    """A campaign whose account could not be reached ten times in a row."""
    campaign = books.campaign(chunks)
    books.account_is(failures=FAILURES_BEFORE_HOLD)
    return campaign


def test_one_winner_a_hold_probes_an_account_that_cannot_be_reached(books: Books) -> None:
    campaign = failing(books, 8)
    for winners in (1, 2):
        race(*[lambda n=n: campaign.claim(n) for n in range(1, 9)])
        assert campaign.states().count("sending") == winners
        assert books.account().hold_until > books.now()
        books.time_passes(LEASE)


def test_the_next_probe_goes_out_when_the_hold_is_over(books: Books) -> None:
    campaign = failing(books, 3)
    campaign.attempt(NOT_SENT, 1)
    assert campaign.claim(2) is None
    books.time_passes(6 * SECOND)
    assert campaign.claim(2) is not None
    assert campaign.claim(3) is None


@pytest.mark.parametrize("happens", [pause, be_due_later, run_out, be_sending])
def test_a_claim_that_finds_nothing_leaves_the_probe_to_another(
    books: Books, happens: Callable[[OneCampaign], None]
) -> None:
    campaign, other = books.campaign(), books.campaign()
    happens(campaign)
    books.account_is(failures=FAILURES_BEFORE_HOLD, hold_until=None)
    assert campaign.claim() is None
    assert other.claim() is not None


def test_of_one_statements_chunks_one_probes_an_account_that_cannot_be_reached(
    books: Books,
) -> None:
    campaign = failing(books, 8)
    keys = [(campaign.id, sequence) for sequence in range(1, 9)]
    for winners in (1, 2):
        claims = books.do(
            transitions.exchange, {}, keys, worker="w", lease=LEASE, window=WINDOW
        ).claims
        assert len(claims) == 1
        assert campaign.states().count("sending") == winners
        books.time_passes(LEASE)


def test_whoever_reports_that_the_account_can_be_reached_needs_no_probe_for_the_next(
    books: Books,
) -> None:
    campaign = books.campaign(4)
    reports = {0: campaign.report(campaign.claimed(1), ACCEPTED)}
    books.account_is(failures=FAILURES_BEFORE_HOLD)
    keys = [(campaign.id, sequence) for sequence in (2, 3, 4)]
    exchanged = books.do(
        transitions.exchange, reports, keys, worker="w", lease=LEASE, window=WINDOW
    )
    assert exchanged.recorded == {0}
    assert sorted(exchanged.claims) == keys
    assert (books.account().failures, books.account().hold_until) == (0, None)


def further_claims(campaign: OneCampaign, most: int, start: Place | None = None) -> list[Claim]:
    """The claims that slots which go on with the campaign get."""
    asked = [Further(campaign.id, most, start)]
    exchanged = campaign.books.do(
        transitions.exchange, {}, [], asked, worker="w", lease=LEASE, window=WINDOW
    )
    return sorted(exchanged.claims.values(), key=lambda claim: claim.sequence)


def further(campaign: OneCampaign, most: int, start: Place | None = None) -> list[int]:
    """The chunks that they get."""
    return [claim.sequence for claim in further_claims(campaign, most, start)]


def test_slots_go_on_with_fresh_chunks_that_no_message_names(books: Books) -> None:
    campaign = books.campaign(8)
    campaign.publish(2)
    campaign.in_doubt(3)
    campaign.set_chunks(4, due_at=books.now() + 10 * SECOND)
    books.account_is(doubts=0, doubtful_since=None)
    assert further(campaign, 2) == [5, 6]
    assert further(campaign, 8) == [7, 8]
    assert further(campaign, 8) == []
    assert campaign.published() == [1, 2]


def test_slots_go_on_where_they_have_come_to_and_from_the_front_for_what_was_returned(
    books: Books,
) -> None:
    campaign = books.campaign(4)
    due_at = campaign.chunk(3).due_at
    assert further(campaign, 1, (due_at, 3)) == [3]
    assert further(campaign, 4, (due_at, 3)) == [4]
    assert further(campaign, 4) == [1, 2]


def test_slots_that_go_on_at_once_share_no_chunk(books: Books) -> None:
    campaign = books.campaign(40)
    shares = race(*[lambda: further(campaign, 5)] * 4)
    won = [sequence for share in shares for sequence in share]
    assert len(won) == len(set(won)) == campaign.states().count("sending") > 0


def close_its_window(campaign: OneCampaign) -> None:
    now = campaign.books.now()
    campaign.set(windows=["09:00-21:00"], opens_at=now + SECOND, closes_at=now + 10 * SECOND)


def await_a_verdict(campaign: OneCampaign) -> None:
    campaign.set(awaits_verdict=True)


def have_a_rate(campaign: OneCampaign) -> None:
    campaign.do(transitions.set_rate, 100.0)


def be_in_trouble(campaign: OneCampaign) -> None:
    campaign.books.account_is(failures=1)


def have_rested(campaign: OneCampaign) -> None:
    campaign.books.account_is(throttled_until=campaign.books.now() - 20 * SECOND)


@pytest.mark.parametrize(
    "happens",
    [
        pause,
        cancel,
        run_out,
        schedule,
        hold_the_account,
        have_rested,
        close_its_window,
        await_a_verdict,
        have_a_rate,
        be_in_trouble,
    ],
)
def test_no_slot_goes_on_when(books: Books, happens: Callable[[OneCampaign], None]) -> None:
    campaign = books.campaign(2)
    happens(campaign)
    assert further(campaign, 2) == []


def test_slots_go_on_while_another_account_is_in_trouble(books: Books) -> None:
    campaign = books.campaign(4)
    books.run("INSERT INTO account (name, doubts, doubtful_since) VALUES ('other', 1, now())")
    assert further(campaign, 3) == [1, 2, 3]


@pytest.mark.parametrize("of_chunk", [False, True])
def test_a_slot_that_goes_on_begins_before_the_window_ends(books: Books, of_chunk: bool) -> None:
    campaign = books.campaign(2)
    now = books.now()
    ends = now + 60 * SECOND
    if of_chunk:
        campaign.set_chunks(1, closes_at=ends)
    else:
        campaign.set(windows=["mon-sun 09:00-21:00 UTC"], opens_at=now - SECOND, closes_at=ends)
    (claim,) = further_claims(campaign, 1)
    assert claim.claimed_at + claim.time_left == ends


def test_slots_go_on_with_zones_whose_windows_are_open(books: Books) -> None:
    campaign = books.campaign(2)
    campaign.set_chunks(1, closes_at=books.now() - SECOND)
    assert further(campaign, 2) == [2]


def test_who_goes_on_knows_that_the_standing_list_has_grown(books: Books) -> None:
    version = int(books.do(standing.state, "app").version)
    campaign = books.campaign(2, standing_version=version)
    (before,) = further_claims(campaign, 1)
    books.do(standing.add, "app", [1])
    (after,) = further_claims(campaign, 1)
    assert (before.unscreened, after.unscreened) == (False, True)


def test_no_slot_goes_on_while_the_fence_is_raised(books: Books) -> None:
    campaign = books.campaign(2)
    books.run("UPDATE fence SET raised_at = now(), reason = 'a copy'")
    assert further(campaign, 2) == []


def test_no_slot_goes_on_beside_a_report_of_doubt(books: Books) -> None:
    campaign = books.campaign(4)
    reports = {0: campaign.report(campaign.claimed(1), IN_DOUBT)}
    asked = [Further(campaign.id, 2)]
    exchanged = books.do(
        transitions.exchange, reports, [], asked, worker="w", lease=LEASE, window=WINDOW
    )
    assert (exchanged.recorded, exchanged.claims) == ({0}, {})


def test_no_slot_goes_on_with_an_older_copy_of_the_books(books: Books) -> None:
    campaign = books.campaign(2)
    claims = books.do(
        transitions.exchange,
        *({}, [], [Further(campaign.id, 2)]),
        worker="w",
        lease=LEASE,
        window=WINDOW,
        beat=1_000_000,
    ).claims
    assert not claims
