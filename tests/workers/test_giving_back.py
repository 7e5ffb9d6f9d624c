"""Chunks that a worker was told of and does not claim: they are given back."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from sqlalchemy import Engine

from dispatcher.books import transitions
from dispatcher.books.session import transaction
from tests.sandbox_process import PushApi
from tests.workers.books import chunk, make_campaign, member, rows, show
from workers.courier import Courier
from workers.deliver import deliver_all
from workers.rate_limit import Place, RateLimit

Couriers = Callable[..., Courier]


@pytest.mark.parametrize("state", ["paused", "cancelled"])
def test_the_chunks_of_a_campaign_that_does_not_run_are_given_back(
    courier: Couriers, vendor: PushApi, engine: Engine, state: str
) -> None:
    campaign = make_campaign(engine, chunks=3)
    change = transitions.pause if state == "paused" else transitions.cancel
    with transaction(engine) as connection:
        change(connection, campaign)
    deliver_all(courier(vendor.url), campaign, [1, 2, 3])
    assert not vendor.requests()
    assert not rows(engine, "SELECT FROM chunk WHERE published_at IS NOT NULL")


def test_a_worker_that_closes_gives_the_rest_back(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = make_campaign(engine, chunks=3)
    closing = courier(vendor.url, closing=lambda: bool(vendor.requests()))
    deliver_all(closing, campaign, [1, 2, 3])
    assert [chunk(engine, campaign, n).state for n in (1, 2, 3)] == [
        "delivered",
        "pending",
        "pending",
    ]
    assert not rows(engine, "SELECT FROM chunk WHERE published_at IS NOT NULL")


def test_a_message_ends_with_the_first_chunk_that_may_not_be_sent(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = make_campaign(engine, chunks=4)
    rows(engine, "UPDATE chunk SET due_at = now() + interval '1 min' WHERE sequence = 2")
    deliver_all(courier(vendor.url), campaign, [1, 2, 3, 4])
    assert len(vendor.requests()) == 1
    assert chunk(engine, campaign, 1).state == "delivered"
    assert not rows(engine, "SELECT FROM chunk WHERE published_at IS NOT NULL")


def test_a_message_goes_on_behind_chunks_that_another_copy_of_it_has_or_had(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = make_campaign(engine, chunks=4)
    ours = courier(vendor.url)
    deliver_all(ours, campaign, [1])
    assert ours.group_commit.exchange(None, (campaign, 2)).claim
    deliver_all(ours, campaign, [1, 2, 3, 4])
    assert vendor.pushes(*map(member, (1, 2, 3, 4))) == [1, 0, 1, 1]
    assert chunk(engine, campaign, 2).state == "sending"


def test_a_message_is_worked_on_for_half_a_second(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    vendor.set_faults(latency=0.3)
    campaign = make_campaign(engine, chunks=5)
    deliver_all(courier(vendor.url), campaign, [1, 2, 3, 4, 5])
    assert len(vendor.requests()) == 2
    assert not rows(engine, "SELECT FROM chunk WHERE published_at IS NOT NULL")


def test_a_slot_goes_on_with_the_campaign_until_a_message_waits_for_it(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    vendor.set_faults(latency=0.2)
    campaign = make_campaign(engine, chunks=8, published=False)
    ours = courier(vendor.url, nobody_waits=lambda: len(vendor.requests()) < 5)
    deliver_all(ours, campaign, [1])
    states = [chunk(engine, campaign, n).state for n in range(1, 9)]
    assert states == ["delivered"] * 5 + ["pending"] * 3


def test_a_slot_goes_on_to_the_campaigns_end(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = make_campaign(engine, chunks=8, published=False)
    deliver_all(courier(vendor.url, nobody_waits=lambda: True), campaign, [3])
    assert vendor.pushes(*map(member, range(1, 9))) == [1] * 8


def test_a_slot_that_is_refused_by_the_campaigns_pause_ends(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = make_campaign(engine, chunks=8, published=False)

    def pause_after_three() -> bool:
        if len(vendor.requests()) == 3:
            with transaction(engine) as connection:
                transitions.pause(connection, campaign)
        return True

    deliver_all(courier(vendor.url, nobody_waits=pause_after_three), campaign, [1])
    assert len(vendor.requests()) == 3
    assert [chunk(engine, campaign, n).state for n in (3, 4)] == ["delivered", "pending"]


def test_a_chunk_without_a_place_in_the_rate_is_given_back_as_it_was(
    courier: Couriers, vendor: PushApi, engine: Engine, broker_url: str
) -> None:
    campaign = make_campaign(engine, chunks=2, rate=0.5)
    with Redis.from_url(broker_url) as redis:
        deliver_all(courier(vendor.url, limit=RateLimit(redis)), campaign, [1, 2])
    row = chunk(engine, campaign, 2)
    assert (row.state, row.attempt, row.published_at) == ("pending", 0, None)
    assert row.due_at <= datetime.now(UTC)
    assert chunk(engine, campaign, 1).state == "delivered"


def test_a_rate_is_kept_by_waiting(
    courier: Couriers, vendor: PushApi, engine: Engine, broker_url: str
) -> None:
    campaign = make_campaign(engine, chunks=4, rate=10)
    began = time.monotonic()
    with Redis.from_url(broker_url) as redis:
        deliver_all(courier(vendor.url, limit=RateLimit(redis)), campaign, [1, 2, 3, 4])
    assert time.monotonic() - began >= 0.3
    assert show(engine, campaign).chunks.total == len(vendor.requests()) == 4


def test_what_came_back_is_written_down_before_a_rate_may_keep_it_waiting(
    courier: Couriers, vendor: PushApi, engine: Engine
) -> None:
    campaign = make_campaign(engine, chunks=2, rate=1)
    states = []

    class OnePlace(RateLimit):
        def take(self, rates: dict[str, float | None]) -> Place:
            states.append(chunk(engine, campaign, 1).state)
            return Place(taken=len(states) == 1, wait=timedelta(0))

    deliver_all(courier(vendor.url, limit=OnePlace(None)), campaign, [1, 2])
    assert states == ["pending", "delivered"]
