"""Many campaigns of one account: its places go round, and its API's failures cost it little."""

import time
from collections import Counter

import pytest

from tests.faults.conftest import Stage
from tests.faults.scale import full
from tests.faults.theatre import CHUNK, Theatre, Timing, for_seconds
from tests.waiting import eventually

# Every chunk that was published and came back without an attempt.
COUNT_WHAT_COMES_BACK = """
CREATE TABLE came_back (campaign_id uuid, sequence integer);
CREATE FUNCTION note_what_comes_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO came_back VALUES (new.campaign_id, new.sequence); RETURN NULL;
END $$;
CREATE TRIGGER came_back AFTER UPDATE ON chunk FOR EACH ROW
WHEN (old.published_at IS NOT NULL AND new.published_at IS NULL AND new.state = 'pending')
EXECUTE FUNCTION note_what_comes_back();
"""


def came_back(theatre: Theatre) -> int:
    with theatre.engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM came_back").scalar_one())


def campaigns_asked_for(theatre: Theatre) -> list[str]:
    """The campaign of each request, in the order in which they arrived."""
    return [request["pack_id"][:36] for request in theatre.push_api.requests()]


def test_small_campaigns_of_an_account_do_not_wait_for_a_large_one_at_a_low_rate(
    stage: Stage,
) -> None:
    theatre = stage()
    theatre.execute(COUNT_WHAT_COMES_BACK)
    theatre.hire(2, rate=1)
    large = theatre.enqueue(50)
    eventually(lambda: theatre.requests() >= 2, within=20)
    before = theatre.requests()
    small = [theatre.enqueue(1) for _ in range(6)]
    committed = time.monotonic()
    eventually(lambda: all(theatre.books(campaign).ended for campaign in small), within=30)

    assert time.monotonic() - committed < 14
    asked = Counter(campaigns_asked_for(theatre)[before:])
    assert all(asked[campaign] == 1 for campaign in small)
    assert came_back(theatre) <= 1
    theatre.dispatcher.cancel(large)
    assert not theatre.ended(large, *small).broken


@pytest.mark.parametrize(
    ("rate", "campaigns", "workers"),
    [(7, 6, 2), (50, 1, 1)]
    + ([(rate, n, w) for rate in (1, 7, 50) for n in (1, 6) for w in (1, 2)] if full() else []),
)
def test_next_to_nothing_is_published_in_vain_whatever_the_rate(
    stage: Stage, rate: float, campaigns: int, workers: int
) -> None:
    theatre = stage()
    theatre.execute(COUNT_WHAT_COMES_BACK)
    theatre.hire(workers, slots=8, rate=rate)
    chunks = int(rate * 6)
    enqueued = [theatre.enqueue(max(1, chunks // campaigns)) for _ in range(campaigns)]

    verdict = theatre.ended(*enqueued, within=60)

    assert not verdict.broken
    requests = theatre.push_api.requests()
    assert came_back(theatre) <= max(1, len(requests) / 20)
    moments = sorted(request["monotonic"] for request in requests)
    assert len(moments) <= 1 + rate * (moments[-1] - moments[0] + 0.3)


def test_a_raised_rate_acts_at_once(stage: Stage) -> None:
    theatre = stage()
    theatre.hire(1)
    campaign = theatre.enqueue(20, rate=0.01)
    eventually(lambda: theatre.requests() == 1, within=20)
    for_seconds(1)
    theatre.dispatcher.rate(campaign, 50)
    assert not theatre.ended(campaign, within=10).broken


def test_an_api_of_constant_500s_costs_an_account_a_few_chunks_whatever_campaigns_it_has(
    stage: Stage,
) -> None:
    theatre = stage(Timing(request_timeout=3, pack_id_window=12))
    theatre.hire(1, slots=64)
    theatre.push_api.set_faults(probabilities={"error_500_before": 1})
    campaigns = [theatre.enqueue(200 if full() else 60) for _ in range(3)]
    outage = 70 if full() else 20
    for_seconds(outage)
    assert theatre.dispatcher.show(campaigns[0]).held is not None
    theatre.push_api.set_faults(probabilities={})
    over = time.monotonic()
    eventually(lambda: theatre.chunks_in("delivered") >= 20, within=30)
    assert time.monotonic() - over < max(5, outage / 4) + 15

    verdict = theatre.ended(*campaigns, within=60)

    assert not verdict.broken
    assert verdict.reached + verdict.members.unresolved == verdict.members.total
    assert verdict.members.unresolved <= (20 + outage / 10) * CHUNK


def test_an_api_that_fails_half_of_the_time_gets_everybody_in_the_end(stage: Stage) -> None:
    theatre = stage(Timing(request_timeout=2, pack_id_window=120))
    theatre.hire(2, slots=8)
    theatre.push_api.set_faults(probabilities={"error_500_before": 0.25, "error_500_after": 0.25})

    verdict = theatre.ended(theatre.enqueue(60), within=110)

    assert not verdict.broken
    assert verdict.reached == 60 * CHUNK


def test_an_account_that_is_throttled_backs_off_more_each_time_and_begins_slowly_again(
    stage: Stage,
) -> None:
    theatre = stage(None, "--retry-after", "0")
    theatre.hire(2, slots=16)
    theatre.push_api.set_faults(probabilities={"error_429": 1})
    campaigns = [theatre.enqueue(60) for _ in range(3)]
    eventually(lambda: theatre.requests(), within=20)
    for_seconds(10)
    asked = theatre.requests()
    assert asked <= 3 + 5
    held = theatre.dispatcher.show(campaigns[0]).held
    assert held is None or held.by == "account"
    theatre.push_api.set_faults(probabilities={})

    verdict = theatre.ended(*campaigns, within=60)

    assert not verdict.broken
    assert verdict.reached == 180 * CHUNK
