"""What a slot begins with is read once for all, and is never old."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine

from dispatcher.books import sendable, transitions
from dispatcher.books.sendable import Sendable
from dispatcher.books.session import transaction
from dispatcher.errors import DatabaseUnavailable
from tests.waiting import eventually
from tests.workers.books import make_campaign
from workers import campaign_cache
from workers.campaign_cache import CampaignCache

Change = Callable[[Connection, UUID], object]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The campaigns that were read from the database, in their order."""
    found: list[UUID] = []
    read = sendable.read

    def noted(connection: Connection, campaign_id: UUID) -> Sendable | None:
        found.append(campaign_id)
        return read(connection, campaign_id)

    monkeypatch.setattr(sendable, "read", noted)
    return found


def fresh_for(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(campaign_cache, "_FRESH", seconds)


def set_rate(engine: Engine, campaign: UUID, rate: float) -> None:
    with transaction(engine) as connection:
        transitions.set_rate(connection, campaign, rate)


def test_slots_that_begin_at_once_read_a_campaign_once(
    engine: Engine, reads: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh_for(monkeypatch, 60)
    campaign = make_campaign(engine)
    cache = CampaignCache(engine)
    with ThreadPoolExecutor(8) as slots:
        found = list(slots.map(cache.get, [campaign] * 8))
    assert [one.id for one in found if one] == [campaign] * 8
    assert reads == [campaign]


def test_slots_that_wait_for_one_read_share_its_failure(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_campaign(engine)
    cache = CampaignCache(engine)
    reads: list[UUID] = []
    waiting: list[object] = []
    result = Future.result

    def fail(_: Connection, campaign_id: UUID) -> None:
        reads.append(campaign_id)
        eventually(lambda: len(waiting) == 4)
        raise DatabaseUnavailable("PostgreSQL is away.")

    def noted(future: "Future[object]", timeout: float | None = None) -> object:
        waiting.append(future)
        return result(future, timeout)

    monkeypatch.setattr(sendable, "read", fail)
    monkeypatch.setattr(Future, "result", noted)
    with ThreadPoolExecutor(5) as slots:
        found = [slots.submit(cache.get, campaign) for _ in range(5)]
    assert [str(one.exception()) for one in found] == ["PostgreSQL is away."] * 5
    assert reads == [campaign]
    monkeypatch.undo()
    assert cache.get(campaign) is not None


def test_a_new_rate_is_seen_when_the_old_one_has_had_its_time(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh_for(monkeypatch, 0)
    campaign = make_campaign(engine)
    cache = CampaignCache(engine)
    for rate in (5.0, 7.0):
        set_rate(engine, campaign, rate)
        found = cache.get(campaign)
        assert found is not None
        assert found.rate == rate


def test_one_that_does_not_run_is_looked_at_again_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh_for(monkeypatch, 60)
    campaign = make_campaign(engine)
    cache = CampaignCache(engine)
    changes: list[tuple[Change, bool]] = [(transitions.pause, False), (transitions.resume, True)]
    for change, runs in changes:
        with transaction(engine) as connection:
            change(connection, campaign)
        assert (cache.get(campaign) is not None) == runs


def test_it_keeps_no_more_than_so_many(
    engine: Engine, reads: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh_for(monkeypatch, 60)
    monkeypatch.setattr(campaign_cache, "_MOST_KEPT", 1)
    one, other = make_campaign(engine), make_campaign(engine)
    cache = CampaignCache(engine)
    for campaign in (one, other, one):
        cache.get(campaign)
    assert reads == [one, other, one]
