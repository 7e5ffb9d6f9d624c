"""Places in time, from a real Valkey."""

import itertools
import logging
import socket
import threading
import time

import pytest
from redis import Redis

from dispatcher.redis_client import connect_redis
from workers.rate_limit import RateLimit


@pytest.fixture
def limit(redis: Redis) -> RateLimit:
    """A worker's limiter."""
    return RateLimit(redis)


def places(redis: Redis, rates: dict[str, float | None], count: int) -> list[int]:
    """The next places by Redis's own clock, in microseconds, each waited for as a worker does."""
    limit = RateLimit(redis)
    taken: list[int] = []
    while len(taken) < count:
        place = limit.take(rates)
        if place.taken:
            taken.append(int(redis.get(f"dispatcher:rate:{next(iter(rates))}") or 0))
        pass_time(place.wait.total_seconds())
    return taken


def pass_time(seconds: float) -> None:
    threading.Event().wait(seconds)


def gaps(taken: list[int]) -> list[int]:
    return [later - earlier for earlier, later in itertools.pairwise(taken)]


def test_without_a_rate_nobody_is_asked() -> None:
    assert RateLimit(None).take({"campaign:1": None, "account:default": None}).taken


def test_places_are_exactly_spaced_while_somebody_waits(redis: Redis) -> None:
    limit = RateLimit(redis)
    taken = []
    for _ in range(3):
        assert limit.take({"campaign:1": 10}).taken
        taken.append(int(redis.get("dispatcher:rate:campaign:1") or 0))
    assert gaps(taken) == [100_000] * 2


def test_a_pause_earns_no_burst(redis: Redis) -> None:
    places(redis, {"campaign:1": 50}, 2)
    pass_time(0.2)
    assert min(gaps(places(redis, {"campaign:1": 50}, 3))) >= 20_000


def test_the_slower_of_two_limits_holds(redis: Redis) -> None:
    taken = places(redis, {"campaign:1": 100, "account:default": 20}, 6)
    assert min(gaps(taken)) >= 50_000


def test_a_place_that_one_limit_refuses_is_not_taken_in_the_other(limit: RateLimit) -> None:
    assert limit.take({"slow": 1}).taken
    assert not limit.take({"slow": 1, "fast": 1}).taken
    assert limit.take({"fast": 1}).wait.total_seconds() == 0


def test_how_far_places_are_given_out_is_told_without_taking_one(limit: RateLimit) -> None:
    assert limit.ahead(["campaign:1", "account:default"]) == {}
    for _ in range(3):
        assert limit.take({"campaign:1": 10, "account:default": 50}).taken
    ahead = limit.ahead(["account:default", "campaign:1", "campaign:2"])
    assert ahead is not None
    assert set(ahead) == {"account:default", "campaign:1"}
    assert ahead["account:default"] == ahead["campaign:1"] <= 0.2
    before = limit.take({"campaign:1": 10}).wait
    assert before.total_seconds() <= ahead["campaign:1"] + 0.1


def test_nobody_can_tell_how_far_they_are_while_redis_is_away(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert RateLimit(None).ahead(["campaign:1"]) is None
    with connect_redis("redis://127.0.0.1:1/0", timeout=2) as client, caplog.at_level(logging.INFO):
        limit = RateLimit(client)
        assert [limit.ahead(["campaign:1"]) for _ in range(3)] == [None] * 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_two_workers_share_one_rate(broker_url: str) -> None:
    with Redis.from_url(broker_url) as one, Redis.from_url(broker_url) as other:
        began = time.monotonic()
        workers = [
            threading.Thread(target=places, args=(client, {"account:default": 100}, 15))
            for client in (one, other)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    assert time.monotonic() - began >= 0.29


def test_a_place_too_far_away_is_not_taken_and_says_how_far_it_is(limit: RateLimit) -> None:
    assert limit.take({"campaign:1": 2}).taken
    refused = limit.take({"campaign:1": 2})
    assert not refused.taken
    assert 0.4 < refused.wait.total_seconds() <= 0.5


def test_a_new_rate_acts_at_once(limit: RateLimit) -> None:
    assert limit.take({"campaign:1": 0.001}).taken
    assert not limit.take({"campaign:1": 0.001}).taken
    assert limit.take({"campaign:1": 50}).taken
    assert not limit.take({"campaign:1": 0.001}).taken


def test_a_clock_that_was_set_back_stops_nobody_for_long(limit: RateLimit, redis: Redis) -> None:
    assert limit.take({"campaign:1": 50}).taken
    hour = 3600 * 1_000_000
    (key,) = redis.keys("*campaign:1")
    redis.set(key, int(redis.get(key) or 0) + hour)
    assert limit.take({"campaign:1": 50}).wait <= 1.1 * RateLimit.LONGEST_WAIT


def test_losing_all_keys_costs_at_most_one_place(redis: Redis) -> None:
    taken = places(redis, {"campaign:1": 20}, 4)
    redis.flushall()
    taken += places(redis, {"campaign:1": 20}, 4)
    assert len([gap for gap in gaps(taken) if gap < 50_000]) <= 1


def test_a_thousand_places_are_given_in_a_moment(limit: RateLimit) -> None:
    began = time.process_time()
    for _ in range(1000):
        assert limit.take({"campaign:1": 1_000_000, "account:default": 1_000_000}).taken
    assert time.process_time() - began < 5


def test_what_is_not_used_is_forgotten(limit: RateLimit, redis: Redis) -> None:
    limit.take({"campaign:1": 10, "account:default": 0.1})
    assert sorted(redis.pttl(key) for key in redis.keys("*")) == [
        pytest.approx(1_100, abs=100),
        pytest.approx(11_000, abs=100),
    ]


def test_without_redis_there_is_no_place() -> None:
    assert not RateLimit(None).take({"campaign:1": 10}).taken


@pytest.mark.parametrize("hangs", [False, True])
def test_a_redis_that_is_away_gives_no_place_within_two_seconds_and_is_told_once(
    hangs: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if not hangs:
            listener.close()
        with (
            connect_redis(f"redis://127.0.0.1:{port}/0", timeout=2) as client,
            caplog.at_level(logging.INFO),
        ):
            limit = RateLimit(client)
            for _ in range(1 if hangs else 3):
                began = time.monotonic()
                assert not limit.take({"campaign:1": 10}).taken
                assert time.monotonic() - began < 2.5
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "nothing with a rate is sent" in caplog.text


def test_a_redis_that_is_back_gives_places_again_and_it_is_told(
    broker_url: str, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    limit = RateLimit(redis)
    redis.connection_pool.connection_kwargs["port"], port = (
        1,
        redis.connection_pool.connection_kwargs["port"],
    )
    redis.connection_pool.disconnect()
    redis.connection_pool.reset()
    with caplog.at_level(logging.INFO, "dispatcher.rate"):
        assert not limit.take({"campaign:1": 10}).taken
        redis.connection_pool.connection_kwargs["port"] = port
        redis.connection_pool.reset()
        assert limit.take({"campaign:1": 10}).taken
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
