"""What many slots report and claim through one thread: one statement, and each its own answer."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine, event, text

from dispatcher.books import transitions
from dispatcher.books.session import make_engine, transaction
from dispatcher.books.transitions import Report
from dispatcher.books.troubles import is_transient
from dispatcher.errors import DatabaseUnavailable, ServiceError
from dispatcher.lifecycle import MOST_DOUBTS, Outcome
from tests.integration.builders import ACCEPTED, IN_DOUBT, LEASE, WINDOW, Books, OneCampaign
from tests.proxy import proxied
from tests.waiting import eventually
from workers.group_commit import Answer, GroupCommit, Wish

Slot = tuple[Report | None, Wish | None]


@pytest.fixture
def books(engine: Engine) -> Books:
    """The books of this test."""
    return Books(engine)


@pytest.fixture
def group_commit(engine: Engine) -> GroupCommit:
    """A worker's writer."""
    return writer(engine)


def writer(engine: Engine, patience: float = 10) -> GroupCommit:
    """A worker's writer, which waits so many seconds for the database."""
    return GroupCommit(
        engine,
        worker="w/1",
        lease=LEASE,
        window=WINDOW,
        patience=timedelta(seconds=patience),
    )


def together(books: Books, group_commit: GroupCommit, *slots: Slot) -> list[Future[Answer]]:
    """What each slot came to; a statement before theirs is held until all of them wait."""
    held, release = threading.Event(), threading.Event()

    def hold(*_: Any) -> None:
        held.set()
        assert release.wait(5)

    first: Slot = (None, (books.campaign().id, 1))
    with ThreadPoolExecutor(len(slots) + 1) as pool:
        event.listen(books.engine, "before_cursor_execute", hold)
        futures = [pool.submit(group_commit.exchange, *first)]
        assert held.wait(5)
        event.remove(books.engine, "before_cursor_execute", hold)
        for slot in slots:
            waiting = group_commit._waiting.qsize()
            futures.append(pool.submit(group_commit.exchange, *slot))
            eventually(partial(_more_than, waiting, group_commit))
        release.set()
    return futures[1:]


def _more_than(waiting: int, group_commit: GroupCommit) -> bool:
    return group_commit._waiting.qsize() > waiting


def reports(campaign: OneCampaign, *sequences: int) -> list[Report]:
    """Accepted attempts at these chunks, not recorded yet."""
    return [campaign.report(campaign.claimed(sequence), ACCEPTED) for sequence in sequences]


def counting(engine: Engine) -> list[str]:
    """The statements that are executed from now on."""
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _d, sql, *_: statements.append(sql))
    return statements


def test_those_who_wait_together_share_one_statement(
    books: Books, group_commit: GroupCommit
) -> None:
    campaign = books.campaign(8)
    slots: list[Slot] = [
        (report, (campaign.id, n))
        for n, report in enumerate(reports(campaign, 1, 2, 3, 4), start=5)
    ]
    statements = counting(books.engine)
    answers = [future.result() for future in together(books, group_commit, *slots)]
    assert [answer.recorded for answer in answers] == [True] * 4
    assert [answer.claim and answer.claim.sequence for answer in answers] == [5, 6, 7, 8]
    assert campaign.states() == ["delivered"] * 4 + ["sending"] * 4
    assert sum("exchange_chunks" in statement for statement in statements) == 2


def test_two_slots_that_want_one_chunk_do_not_both_get_it(
    books: Books, group_commit: GroupCommit
) -> None:
    campaign = books.campaign()
    slot: Slot = (None, (campaign.id, 1))
    first, second = together(books, group_commit, slot, slot)
    assert first.result().claim is not None
    assert second.result().claim is None
    assert campaign.chunk().attempt == 1


def test_slots_that_go_on_get_a_chunk_each_beside_those_that_want_one_by_its_number(
    books: Books, group_commit: GroupCommit
) -> None:
    campaign, other = books.campaign(4), books.campaign(1)
    slots: list[Slot] = [(None, campaign.id), (None, (campaign.id, 2)), (None, campaign.id)]
    slots += [(None, other.id), (None, other.id)]
    answers = [future.result() for future in together(books, group_commit, *slots)]
    claims = [answer.claim for answer in answers]
    assert [claim and claim.sequence for claim in (claims[1], claims[4])] == [2, None]
    assert sorted(claim.sequence for claim in claims[:3] if claim) == [1, 2, 3]
    assert claims[3] is not None
    assert claims[3].campaign_id == other.id


def test_who_goes_on_finds_what_was_returned_meanwhile(
    books: Books, group_commit: GroupCommit
) -> None:
    campaign = books.campaign(4)
    campaign.publish(1)
    assert [_goes_on(group_commit, campaign), _goes_on(group_commit, campaign)] == [2, 3]
    campaign.do(transitions.give_back, [1])
    assert [_goes_on(group_commit, campaign) for _ in range(3)] == [4, None, 1]


def _goes_on(group_commit: GroupCommit, campaign: OneCampaign) -> int | None:
    claim = group_commit.exchange(None, campaign.id).claim
    return None if claim is None else claim.sequence


def test_only_the_slot_whose_row_is_refused_hears_of_it(
    books: Books, group_commit: GroupCommit
) -> None:
    campaign = books.campaign(4)
    good, bad, other = reports(campaign, 1, 2, 3)
    poisoned = replace(bad, outcome=replace(ACCEPTED, audience=2**31))
    answers = together(
        books, group_commit, (good, None), (poisoned, None), (other, (campaign.id, 4))
    )
    assert answers[0].result().recorded
    refused = answers[1].exception()
    assert isinstance(refused, ServiceError)
    assert not is_transient(refused)
    assert answers[2].result().recorded
    assert campaign.states() == ["delivered", "sending", "delivered", "sending"]


def test_a_locked_row_holds_up_nobody_else(books: Books, group_commit: GroupCommit) -> None:
    campaign = books.campaign(4)
    locked, free = reports(campaign, 1, 2)
    with books.engine.connect() as somebody:
        somebody.execute(text("SELECT FROM chunk WHERE sequence IN (1, 3) FOR UPDATE"))
        answers = together(
            books, group_commit, (locked, (campaign.id, 3)), (free, (campaign.id, 4))
        )
        first, second = (answer.result() for answer in answers)
    assert (first.recorded, first.claim) == (False, None)
    assert second.recorded
    assert second.claim is not None
    assert campaign.record(locked.claim, ACCEPTED)


@pytest.mark.parametrize(
    ("doubts", "outcome"),
    [(0, IN_DOUBT), (1, ACCEPTED), (MOST_DOUBTS - 1, ACCEPTED), (MOST_DOUBTS - 1, IN_DOUBT)],
)
def test_a_locked_account_in_trouble_holds_up_no_other(
    books: Books, group_commit: GroupCommit, doubts: int, outcome: Outcome
) -> None:
    campaign, other = books.campaign(20), books.campaign(4, account="other")
    campaign.attempts_each(IN_DOUBT, range(11, 11 + doubts))
    ours = campaign.report(campaign.claimed(1), outcome)
    (theirs,) = reports(other, 1)
    with books.engine.connect() as somebody:
        somebody.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        somebody.execute(text("SELECT FROM account WHERE name = 'default' FOR NO KEY UPDATE"))
        answers = together(books, group_commit, (ours, (campaign.id, 2)), (theirs, (other.id, 2)))
        passed_over, free = (answer.result() for answer in answers)
    assert (passed_over.recorded, passed_over.claim) == (False, None)
    assert free.recorded
    assert free.claim is not None
    assert campaign.record(ours.claim, outcome)
    assert books.account().doubts == (0 if outcome == ACCEPTED else doubts + 1)


def test_where_the_commits_reply_is_lost_every_slot_hears_so_and_may_report_again(
    books: Books, group_commit: GroupCommit
) -> None:
    campaign = books.campaign(4)
    ours = reports(campaign, 1, 2)

    def lose_the_reply(_connection: Any, _cursor: Any, _sql: str, given: Any, *_: Any) -> None:
        if given.get("reports", "[]") != "[]":
            raise psycopg2.OperationalError("server closed the connection unexpectedly")

    event.listen(books.engine, "after_cursor_execute", lose_the_reply)
    answers = together(
        books, group_commit, (ours[0], (campaign.id, 3)), (ours[1], (campaign.id, 4))
    )
    event.remove(books.engine, "after_cursor_execute", lose_the_reply)
    assert all(isinstance(answer.exception(), DatabaseUnavailable) for answer in answers)
    again = group_commit.exchange(ours[0], None)
    assert not again.recorded
    assert campaign.states() == ["delivered", "delivered", "sending", "sending"]
    assert [len(campaign.attempts(n)) for n in (1, 2)] == [1, 1]


def test_a_report_whose_chunk_another_attempt_has_is_not_recorded(
    books: Books, group_commit: GroupCommit
) -> None:
    campaign = books.campaign(2)
    (late,) = reports(campaign, 1)
    campaign.set_chunks(1, lease_until=books.now())
    with transaction(books.engine) as connection:
        transitions.take_back_lost_leases(connection)
    campaign.claimed(1)
    answer = group_commit.exchange(late, (campaign.id, 2))
    assert not answer.recorded
    assert answer.claim is not None
    assert campaign.states() == ["sending", "sending"]


@pytest.mark.parametrize("error", [ValueError("what nobody foresaw"), MemoryError()])
def test_whatever_goes_wrong_nobody_waits_for_ever(
    books: Books, group_commit: GroupCommit, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    campaign = books.campaign(2)
    with monkeypatch.context() as patched:
        patched.setattr(transitions, "exchange", fail)
        with pytest.raises(type(error)):
            group_commit.exchange(None, (campaign.id, 1))
    assert group_commit.exchange(None, (campaign.id, 1)).claim is not None


def test_a_database_that_hangs_holds_nobody_up_for_longer_than_patience_lasts(
    books: Books, database_url: str
) -> None:
    campaign = books.campaign(2)
    with proxied(database_url) as road:
        far = make_engine(road.url)
        group_commit = writer(far, patience=0.5)
        assert group_commit.exchange(None, (campaign.id, 1)).claim is not None
        road.hold()
        with pytest.raises(DatabaseUnavailable):
            group_commit.exchange(None, (campaign.id, 2))
        far.dispose()
