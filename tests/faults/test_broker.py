"""Valkey forgets, dies, fills up and freezes; a message only rings, so nothing is lost with it."""

from tests.faults.conftest import Stage
from tests.faults.theatre import Timing, for_seconds
from tests.waiting import eventually


def test_a_campaign_outlives_whatever_happens_to_the_broker(stage: Stage) -> None:
    theatre = stage(None, "--latency", "0.1")
    theatre.hire(2)
    valkey = theatre.servers.valkey
    campaign = theatre.enqueue(200)

    def after(requests: int) -> None:
        eventually(lambda: theatre.requests() > requests, within=60)

    for requests in (10, 20, 30, 40):
        after(requests)
        theatre.redis().flushall()
    after(50)
    valkey.kill()
    for_seconds(1)
    valkey.restart()
    theatre.servers.postgresql.restart()
    after(80)
    theatre.redis().client_kill_filter(_type="normal")
    after(100)
    with valkey.frozen():
        for_seconds(3)

    verdict = theatre.ended(campaign, within=100)
    assert not verdict.broken
    assert verdict.reached == 200_000
    theatre.assert_all_workers_go_on()


def test_a_broker_without_memory_holds_a_campaign_up_and_ends_no_worker(stage: Stage) -> None:
    theatre = stage(None, "--latency", "0.1")
    theatre.hire(2)
    campaign = theatre.enqueue(60)
    eventually(lambda: theatre.requests() > 10, within=20)

    theatre.redis().config_set("maxmemory", "1")
    for_seconds(2)
    theatre.broker.cut()
    for_seconds(2)
    theatre.redis().config_set("maxmemory", "0")

    verdict = theatre.ended(campaign, within=60)
    assert not verdict.broken
    assert verdict.members.delivered == 60_000
    theatre.assert_all_workers_go_on()


def test_a_lost_message_is_missed_while_its_chunk_can_still_be_asked_about(stage: Stage) -> None:
    theatre = stage(Timing(request_timeout=1, pack_id_window=20))
    theatre.hire_one()
    theatre.push_api.next("hang_after")
    campaign = theatre.enqueue(1)
    eventually(lambda: theatre.lose_the_next_message(campaign), within=20)

    verdict = theatre.ended(campaign, within=40)

    assert not verdict.broken
    assert verdict.members.uncounted == 1000
