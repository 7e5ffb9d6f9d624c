"""Single chunks of a campaign, and what each attempt at one came to."""

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from dispatcher import Attempt, Chunk, Dispatcher, OptionError
from tests.integration.builders import (
    ACCEPTED,
    BUSY,
    SIZE,
    THROTTLED,
    WRONG,
    Books,
    OneCampaign,
)


@pytest.fixture
def campaign(books: Books) -> OneCampaign:
    """Of its five chunks one is delivered, one refused, one in doubt, one on the wire."""
    found = books.campaign(5)
    found.attempt(ACCEPTED, 1)
    found.attempt(WRONG, 2)
    found.set(state="running")
    found.attempt(BUSY, 3)
    books.account_is(doubts=0, doubtful_since=None, fresh_from=None, hold_until=None)
    found.claimed(4)
    return found


@pytest.fixture
def verbs(books: Books) -> Dispatcher:
    return Dispatcher(engine=books.engine)


def numbers(found: Sequence[Chunk]) -> list[int]:
    return [chunk.chunk for chunk in found]


def test_each_chunk_says_where_it_stands_and_what_its_last_attempt_came_to(
    campaign: OneCampaign, verbs: Dispatcher
) -> None:
    delivered, refused, doubtful, flying, fresh = found = verbs.chunks(campaign.id)

    assert numbers(found) == [1, 2, 3, 4, 5]
    assert [each.state for each in found] == [
        *("delivered", "rejected", "pending", "sending", "pending")
    ]
    assert [each.in_doubt for each in found] == [False, False, True, False, False]
    assert [each.attempts for each in found] == [1, 1, 1, 1, 0]
    assert {each.members for each in found} == {SIZE}
    assert [each.due_at is not None for each in found] == [False, False, True, False, True]
    assert delivered.last is not None
    assert (delivered.last.words, delivered.last.pack_id) == (
        "accepted by the vendor",
        delivered.pack_id,
    )
    assert refused.last is not None
    assert refused.last.words == (
        "refused: the vendor calls the campaign wrong (HTTP 400, code 29, Unexpected field sond)"
    )
    assert doubtful.last is not None
    assert doubtful.last.outcome == "in_doubt"
    assert flying.last is not None
    assert (flying.last.outcome, flying.last.ended_at, flying.last.words) == (None, None, None)
    assert fresh.last is None
    assert json.loads(json.dumps([each.as_json() for each in found]))[1]["last"]["code"] == 29


def test_pages_and_states(campaign: OneCampaign, verbs: Dispatcher) -> None:
    assert numbers(verbs.chunks(campaign.id, limit=2)) == [1, 2]
    assert numbers(verbs.chunks(campaign.id, first=3, limit=2)) == [3, 4]
    assert numbers(verbs.chunks(campaign.id, "pending")) == [3, 5]
    assert numbers(verbs.chunks(campaign.id, "pending", first=4)) == [5]
    assert verbs.chunks(campaign.id, first=6) == ()
    assert numbers(verbs.chunks(campaign.id, "in_doubt")) == [3]
    assert verbs.chunks(campaign.id, "in_doubt", first=4) == ()


def test_attempts_stand_newest_first_that_on_the_wire_among_them(
    books: Books, campaign: OneCampaign, verbs: Dispatcher
) -> None:
    campaign.attempt(THROTTLED, 5)
    books.account_is(hold_until=None, hold_reason=None)
    books.time_passes(timedelta(minutes=2))
    campaign.claimed(5, worker="worker-2")

    flying, throttled = verbs.attempts(campaign.id, 5)

    assert [(each.attempt, each.worker) for each in (flying, throttled)] == [
        (2, "worker-2"),
        (1, "worker-1"),
    ]
    assert (flying.ended_at, flying.outcome) == (None, None)
    assert throttled.words == "throttled by the vendor (HTTP 429, Too many requests)"
    assert throttled.ended_at is not None
    assert throttled.ended_at >= throttled.started_at
    older: tuple[Attempt, ...] = verbs.attempts(campaign.id, 5, before=2)
    assert older == (throttled,)
    assert verbs.attempts(campaign.id, 5, limit=1) == (flying,)


def test_what_cannot_be_asked_is_told_in_a_sentence(
    campaign: OneCampaign, verbs: Dispatcher
) -> None:
    with pytest.raises(
        OptionError, match=r"'sent' is no state of a chunk; known are pending, .*, in_doubt"
    ):
        verbs.chunks(campaign.id, "sent")
    with pytest.raises(OptionError, match="first is 0: give a whole number, 1 to 2,147,483,647"):
        verbs.chunks(campaign.id, first=0)
    with pytest.raises(OptionError, match="limit is 1001: give how many chunks to list, 1 to 1,0"):
        verbs.chunks(campaign.id, limit=1_001)
    with pytest.raises(OptionError, match="The campaign has no chunk 6: it has 5 chunks"):
        verbs.attempts(campaign.id, 6)
    with pytest.raises(OptionError, match="before is True: give a whole number"):
        verbs.attempts(campaign.id, 1, before=True)
