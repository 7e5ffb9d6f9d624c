"""A campaign of any size can be ended and sent again: in steps, each of bounded work."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, text

from dispatcher import Dispatcher, ImpossibleInState, Settings
from dispatcher.books import audit, transitions, upkeep
from dispatcher.books.session import allow_long_statements, transaction
from dispatcher.books.upkeep import Duty
from dispatcher.lifecycle import ChunkState
from tests.integration.builders import (
    ACCEPTED,
    NOBODY_FOUND,
    SIZE,
    TERMS,
    WINDOW,
    Books,
    OneCampaign,
)

STEP = 10
CHUNKS = 1_000_000 if os.environ.get("FAULTS") == "full" else 20_000
"""So many that one statement for all of them would take longer than a statement may."""


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of ten chunks."""
    for place in ("STEP", "summing.STEP", "retrying.STEP", "rounds.STEP"):
        monkeypatch.setattr(f"dispatcher.books.transitions.{place}", STEP)


@pytest.fixture
def verbs(books: Books) -> Dispatcher:
    """The verbs, without a broker."""
    return Dispatcher(
        Settings(home=Path("nowhere"), broker_url="redis://127.0.0.1:9"), books.engine
    )


class Interrupted(Exception):
    """Ctrl-C between two steps."""


def interrupt(_done: int, _total: int) -> None:
    raise Interrupted


@pytest.fixture
def short_statements(books_engine: Engine) -> Iterator[None]:
    """No statement may take longer than a step should, generously, on a busy machine."""

    def limit(connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL statement_timeout = '12 s'")

    event.listen(books_engine, "begin", limit)
    yield
    event.remove(books_engine, "begin", limit)


_REJECT = text("""
UPDATE chunk
SET state = 'rejected', settled_at = now(), attempt = 1, claimed_at = now(), claimed_by = 'worker-1'
WHERE campaign_id = :id
""")


def rejected(campaign: OneCampaign) -> OneCampaign:
    """Every chunk was refused, and the campaign has ended."""
    with transaction(campaign.books.engine) as connection:
        allow_long_statements(connection)
        connection.execute(_REJECT, {"id": campaign.id})
    campaign.do(transitions.roll_up)
    return campaign


@pytest.mark.usefixtures("short_statements")
def test_a_large_campaign_is_cancelled_and_one_like_it_sent_again(
    books: Books, verbs: Dispatcher
) -> None:
    told: list[tuple[int, int]] = []
    campaign = books.campaign(CHUNKS)
    cancelled = verbs.cancel(campaign.id, progress=lambda *step: told.append(step))
    assert (cancelled.state, cancelled.ended) == ("cancelled", True)
    assert cancelled.members.cancelled == SIZE * CHUNKS
    assert told == sorted(told)
    again = rejected(books.campaign(CHUNKS))
    retried = verbs.retry(again.id, "rejected")
    assert (retried.state, retried.members.remaining) == ("running", SIZE * CHUNKS)


def test_no_more_are_sent_to_again_than_somebody_agreed_to(books: Books, verbs: Dispatcher) -> None:
    campaign = rejected(books.campaign(2))
    with pytest.raises(ImpossibleInState, match=rf"{2 * SIZE} rejected members by now, and {SIZE}"):
        verbs.retry(campaign.id, "rejected", at_most=SIZE)
    assert campaign.states() == ["rejected"] * 2
    assert verbs.retry(campaign.id, "rejected", at_most=2 * SIZE).chunks.pending == 2


@pytest.mark.usefixtures("small_steps")
def test_a_cancel_that_is_interrupted_has_ended_the_campaign_and_a_sweep_does_the_rest(
    books: Books, verbs: Dispatcher
) -> None:
    campaign = books.campaign(3 * STEP)
    claim = campaign.claimed(1)
    campaign.in_doubt(2)
    campaign.publish(5)
    with pytest.raises(Interrupted):
        verbs.cancel(campaign.id, progress=interrupt)
    assert (campaign.shown().state, campaign.shown().ended) == ("cancelled", False)
    assert campaign.claim(3 * STEP) is None
    waits = campaign.do(audit.explain, WINDOW).waits_for
    assert any("that will not be sent are yet to be settled" in words for words in waits)
    while campaign.id in books.needing(Duty.CLOSE):
        books.do(upkeep.fulfil, Duty.CLOSE, [campaign.id], TERMS)
    assert campaign.states() == ["sending", "unresolved"] + ["cancelled"] * (3 * STEP - 2)
    assert campaign.record(claim, ACCEPTED)
    assert campaign.rolled_up().ended


@pytest.mark.usefixtures("small_steps")
def test_a_cancel_that_was_interrupted_goes_on_when_it_is_given_again(
    books: Books, verbs: Dispatcher
) -> None:
    campaign = books.campaign(3 * STEP)
    with pytest.raises(Interrupted):
        verbs.cancel(campaign.id, progress=interrupt)
    assert verbs.cancel(campaign.id).ended
    assert campaign.states() == ["cancelled"] * 3 * STEP


@pytest.mark.usefixtures("small_steps")
def test_a_large_campaign_expires_by_sweeps_alone(books: Books) -> None:
    campaign = books.campaign(5 * STEP)
    campaign.expire()
    assert campaign.shown().state == "expired"
    steps = 0
    while books.needing(Duty.CLOSE):
        books.do(upkeep.fulfil, Duty.CLOSE, [campaign.id], TERMS)
        steps += 1
    assert campaign.shown().ended
    assert 3 <= steps <= 5


@pytest.mark.usefixtures("small_steps")
def test_a_retry_that_is_interrupted_is_seen_and_the_next_one_orders_the_rest(
    books: Books, verbs: Dispatcher
) -> None:
    campaign = rejected(books.campaign(3 * STEP))
    with pytest.raises(Interrupted):
        verbs.retry(campaign.id, "rejected", progress=interrupt)
    assert books.needing(Duty.SUM_UP) == [campaign.id]
    shown = campaign.rolled_up()
    assert (shown.chunks.pending, shown.chunks.rejected) == (STEP, 2 * STEP)
    assert shown.state == "running"
    assert any("dispatcher retry" in words for words in campaign.do(audit.explain, WINDOW).remedies)
    assert verbs.retry(campaign.id, "rejected").chunks.pending == 3 * STEP
    assert {row.round for row in books.rows("SELECT round FROM chunk")} == {2}


@pytest.mark.usefixtures("small_steps")
def test_what_is_rejected_again_amid_an_order_is_not_ordered_twice(
    books: Books, verbs: Dispatcher
) -> None:
    campaign = rejected(books.campaign(3 * STEP))

    def reject_again(done: int, _: int) -> None:
        if done == STEP:
            campaign.attempt(NOBODY_FOUND, 1)

    retried = verbs.retry(campaign.id, "rejected", progress=reject_again)
    assert (retried.chunks.rejected, retried.chunks.pending) == (1, 3 * STEP - 1)
    assert campaign.chunk(1).round == 2


@pytest.mark.usefixtures("small_steps")
def test_a_campaign_that_completes_amid_an_order_goes_on(books: Books, verbs: Dispatcher) -> None:
    campaign = rejected(books.campaign(2 * STEP))

    def complete(done: int, _: int) -> None:
        if done == STEP:
            campaign.attempts_each(NOBODY_FOUND, range(1, STEP + 1))
            assert campaign.rolled_up().state == "completed"

    assert verbs.retry(campaign.id, "rejected", progress=complete).state == "running"


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda campaign: campaign.do(transitions.cancel), "is cancelled.*but for 10 that were"),
        (OneCampaign.expire, "has expired meanwhile: 10 chunks had been ordered"),
    ],
)
def test_an_order_ends_with_the_campaign_and_says_how_far_it_came(
    books: Books, verbs: Dispatcher, end: object, words: str
) -> None:
    campaign = rejected(books.campaign(3 * STEP))

    def stop(done: int, _: int) -> None:
        end(campaign)  # type: ignore[operator]

    with pytest.raises(ImpossibleInState, match=words):
        verbs.retry(campaign.id, "rejected", progress=stop)
    assert campaign.states().count("rejected") == 2 * STEP


def test_a_small_order_begins_slowly_once(books: Books) -> None:
    campaign = rejected(books.campaign(2))
    assert campaign.do(transitions.retry, ChunkState.REJECTED) == 2
    began = books.value("SELECT resumed_at FROM campaign")
    campaign.do(transitions.retry, ChunkState.REJECTED, after=0, ordered=2)
    assert books.value("SELECT resumed_at FROM campaign") == began
