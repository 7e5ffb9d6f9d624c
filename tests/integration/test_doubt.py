"""The bound on doubt is the account's: a few attempts in a row, then one probe at a time."""

from datetime import timedelta
from itertools import count

import pytest

from dispatcher.books import transitions
from dispatcher.lifecycle import MOST_DOUBTS, Outcome, name_of
from tests.integration.builders import (
    ACCEPTED,
    ALREADY_SENT,
    CORRUPTED,
    IN_DOUBT,
    LEASE,
    NOBODY_FOUND,
    NOT_SENT,
    REFUSED,
    THROTTLED,
    WINDOW,
    WRONG,
    Books,
    OneCampaign,
)
from tests.integration.racing import race

SECOND = timedelta(seconds=1)


def exchanged(campaign: OneCampaign, *sequences: int) -> list[int]:
    """Which of these chunks one statement claims."""
    keys = [(campaign.id, sequence) for sequence in sequences]
    given = campaign.books.do(
        transitions.exchange, {}, keys, worker="w", lease=LEASE, window=WINDOW
    )
    return sorted(sequence for _, sequence in given.claims)


def doubtful(books: Books, doubts: int, chunks: int = 30) -> OneCampaign:
    """A campaign so many of whose first chunks are in doubt, one attempt after the other."""
    campaign = books.campaign(chunks)
    campaign.attempts_each(IN_DOUBT, range(1, doubts + 1))
    return campaign


def test_while_some_attempts_in_a_row_were_in_doubt_so_many_clean_ones_begin_as_are_left(
    books: Books,
) -> None:
    campaign, other = doubtful(books, 4), books.campaign(30)
    assert exchanged(campaign, *range(5, 21)) == [5, 6, 7, 8, 9, 10]
    assert exchanged(other, *range(1, 17)) == []


def test_what_is_in_doubt_already_may_always_be_asked_about(books: Books) -> None:
    campaign = doubtful(books, 4).due(1, 2, 3, 4)
    exchanged(campaign, *range(5, 21))
    assert exchanged(campaign, 1, 2, 3, 4, 20) == [1, 2, 3, 4]


def test_workers_that_claim_at_once_share_what_is_left(books: Books) -> None:
    campaign = doubtful(books, 3, chunks=60)
    claims = [lambda n=n: exchanged(campaign, *range(n, n + 8)) for n in range(10, 58, 8)]
    assert sum(len(claimed) for claimed in race(*claims)) == MOST_DOUBTS - 3


def test_reports_of_one_statement_count_for_its_own_claims(books: Books) -> None:
    campaign = books.campaign(40)
    claims = [campaign.claimed(sequence) for sequence in range(1, 9)]
    reports = {n: campaign.report(claim, IN_DOUBT) for n, claim in enumerate(claims)}
    keys = [(campaign.id, sequence) for sequence in range(9, 25)]
    given = books.do(transitions.exchange, reports, keys, worker="w", lease=LEASE, window=WINDOW)
    assert len(given.claims) == 2
    assert books.account().doubts == 8


@pytest.mark.parametrize(
    "outcome", [ACCEPTED, ALREADY_SENT, NOBODY_FOUND, WRONG, CORRUPTED, REFUSED], ids=name_of
)
def test_a_reply_that_proves_something_ends_the_row(books: Books, outcome: Outcome) -> None:
    campaign, other = books.campaign(), doubtful(books, 9)
    campaign.attempt(outcome)
    account = books.account()
    assert (account.doubts, account.doubtful_since, account.fresh_from) == (0, None, None)
    assert len(exchanged(other, *range(10, 26))) == 16


@pytest.mark.parametrize("outcome", [NOT_SENT, THROTTLED], ids=name_of)
def test_what_proves_nothing_of_its_request_leaves_the_row(books: Books, outcome: Outcome) -> None:
    campaign = doubtful(books, 9)
    campaign.attempt(outcome, 10)
    assert books.account().doubts == 9


def test_where_all_goes_well_the_accounts_row_is_not_written(books: Books) -> None:
    campaign = books.campaign(2)
    before = books.value("SELECT xmin::text FROM account")
    campaign.attempt(ACCEPTED, 1)
    campaign.attempt(ACCEPTED, 2)
    assert books.value("SELECT xmin::text FROM account") == before


def test_behind_the_bound_one_probe_at_a_time_asks_about_what_is_in_doubt_already(
    books: Books,
) -> None:
    campaign = doubtful(books, MOST_DOUBTS)
    campaign.due(*range(1, MOST_DOUBTS + 1))
    for winners in (1, 2):
        race(*[lambda n=n: campaign.claim(n) for n in (1, 2, 3, 4, 11, 12, 13, 14)])
        assert campaign.states()[:4].count("sending") == winners
        assert campaign.states().count("sending") == winners
        books.time_passes(LEASE)


def test_the_next_probe_follows_seconds_after_one_that_is_in_doubt_again(books: Books) -> None:
    campaign = doubtful(books, MOST_DOUBTS)
    campaign.due(1, 2)
    probe = campaign.claimed(1)
    assert books.account().hold_until - books.now() > 20 * SECOND
    assert campaign.record(probe, IN_DOUBT)
    assert books.account().hold_until - books.now() <= 5 * SECOND
    assert campaign.claim(2) is None
    books.time_passes(5 * SECOND)
    assert campaign.claim(2) is not None


def test_a_probe_that_is_answered_lets_everybody_go_on(books: Books) -> None:
    campaign = doubtful(books, MOST_DOUBTS)
    campaign.due(1)
    assert campaign.record(campaign.claimed(1), ALREADY_SENT)
    account = books.account()
    assert (account.doubts, account.hold_until, account.hold_reason) == (0, None, None)
    assert len(exchanged(campaign, *range(11, 27))) == 16


def test_a_clean_chunk_is_the_probe_only_where_nothing_is_left_to_ask_about(books: Books) -> None:
    campaign, other = doubtful(books, MOST_DOUBTS), books.campaign(5)
    books.time_passes(20 * SECOND)
    assert other.claim(1) is None
    books.time_passes(WINDOW)
    campaign.do(transitions.settle_closed_windows, WINDOW)
    assert exchanged(other, 1, 2, 3) == [1]


def test_what_has_been_due_for_long_and_is_not_asked_about_keeps_nobody_from_probing(
    books: Books,
) -> None:
    doubtful(books, MOST_DOUBTS)
    other = books.campaign(1)
    books.time_passes(120 * SECOND)
    assert exchanged(other, 1) == [1]


def test_a_failing_day_takes_some_thirty_clean_chunks_whatever_campaigns_there_are(
    books: Books,
) -> None:
    """What is in doubt is not asked about here, so that each probe is a clean one."""
    doubtful(books, MOST_DOUBTS)
    campaigns = [books.campaign(60) for _ in range(3)]
    taken: list[OneCampaign] = []
    begun = books.now()
    for turn in count():
        waits = books.value(
            "SELECT greatest(hold_until, fresh_from, clock_timestamp()) - clock_timestamp()"
            " FROM account"
        )
        books.time_passes(max(waits, WINDOW))
        begun -= max(waits, WINDOW)
        for other in (*campaigns, *taken):
            other.do(transitions.settle_closed_windows, WINDOW)
        books.run(
            "UPDATE chunk SET state = 'unresolved', settled_at = now()"
            " WHERE state = 'pending' AND in_doubt_since IS NOT NULL"
        )
        if books.now() - begun > timedelta(days=1):
            break
        campaign = campaigns[turn % 3]
        campaign.attempt(IN_DOUBT, 1 + turn // 3)
        taken.append(campaign)
    assert 20 <= len(taken) <= 35
    assert books.value("SELECT count(*) FROM chunk WHERE attempt > 0") == MOST_DOUBTS + len(taken)
