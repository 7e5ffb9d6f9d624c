"""Workers die, freeze and are sent home; the campaign goes on, and nobody gets two pushes."""

from collections.abc import Callable

import pytest

from tests.faults import moments
from tests.faults.conftest import Stage
from tests.faults.theatre import Timing
from tests.proxy import Proxy, Snare
from tests.waiting import eventually


def test_workers_killed_before_the_request_after_it_and_before_the_record_lose_nobody(
    stage: Stage,
) -> None:
    theatre = stage()
    theatre.hire(4)

    before_the_request = moments.claimed(theatre.database)
    first = theatre.enqueue(1)
    theatre.held_by(before_the_request).kill()
    assert theatre.requests() == 0

    theatre.push_api.next("hang_after")
    second = theatre.enqueue(1)
    eventually(lambda: theatre.requests() == 1)
    theatre.claimant(second).kill()

    before_the_record = moments.replied(theatre.database)
    third = theatre.enqueue(1)
    theatre.held_by(before_the_record).kill()
    assert theatre.requests() == 2

    verdict = theatre.ended(first, second, third, within=60)

    assert not verdict.broken
    assert theatre.books(first).members.delivered == 1000
    assert theatre.books(second).members.uncounted == 1000
    assert theatre.books(third).members.uncounted == 1000


@pytest.mark.parametrize("moment", [moments.replied, moments.recorded])
def test_a_worker_killed_amid_a_commit_for_many_slots_loses_nobody(
    stage: Stage, moment: Callable[[Proxy], Snare]
) -> None:
    theatre = stage()
    theatre.hire_one(slots=16)
    theatre.push_api.set_faults(latency=0.1)
    campaign = theatre.enqueue(100)
    eventually(lambda: theatre.requests() > 20, within=20)
    theatre.held_by(moment(theatre.database)).kill()
    assert theatre.chunks_in("sending") > 1
    theatre.hire_one(slots=16)

    verdict = theatre.ended(campaign, within=60)

    assert not verdict.broken
    assert verdict.reached == 100_000


def test_a_worker_frozen_with_a_claim_and_thawed_after_its_lease_sends_nothing(
    stage: Stage,
) -> None:
    theatre = stage()
    theatre.hire(2)
    before_the_request = moments.claimed(theatre.database)
    campaign = theatre.enqueue(1)
    late = theatre.held_by(before_the_request)
    late.freeze()
    before_the_request.let_go()

    verdict = theatre.ended(campaign, within=60)
    assert not verdict.broken
    assert verdict.reached == 1000
    asked = theatre.requests()

    late.thaw()
    eventually(lambda: "too late" in late.said(), within=15)
    assert theatre.requests() == asked
    assert not theatre.verdict(campaign).broken
    theatre.assert_all_workers_go_on()


def test_a_worker_frozen_at_its_request_and_thawed_after_its_lease_sends_nothing_twice(
    stage: Stage,
) -> None:
    theatre = stage()
    theatre.hire(2)
    theatre.push_api.set_faults(latency=0.7)
    campaign = theatre.enqueue(1)
    eventually(lambda: theatre.requests() == 1)
    waiting = theatre.claimant(campaign)
    waiting.freeze()
    theatre.push_api.set_faults(latency=0)

    verdict = theatre.ended(campaign, within=60)
    assert not verdict.broken
    assert verdict.reached == 1000
    asked = theatre.requests()

    waiting.thaw()
    # The reply that waited for its worker is proof, unless the worker cuts it off first.
    eventually(
        lambda: theatre.books(campaign).members.delivered or "too late" in waiting.said(), within=15
    )
    assert theatre.requests() == asked
    assert not theatre.verdict(campaign).broken
    theatre.assert_all_workers_go_on()


def test_a_worker_frozen_inside_the_relays_transaction_holds_nobody_up(stage: Stage) -> None:
    theatre = stage()
    theatre.hire(2)
    in_the_relay = moments.publishing(theatre.database)
    frozen = theatre.held_by(in_the_relay)
    frozen.freeze()
    in_the_relay.let_go()

    campaign = theatre.enqueue(20)
    verdict = theatre.ended(campaign, within=60)

    assert not verdict.broken
    assert verdict.members.delivered == 20_000
    frozen.thaw()
    theatre.assert_all_workers_go_on()


def test_a_worker_sent_home_under_load_finishes_what_is_on_the_wire_and_gives_back_the_rest(
    stage: Stage,
) -> None:
    theatre = stage(None, "--latency", "0.2")
    leaver, _ = theatre.hire(2)
    campaign = theatre.enqueue(80)
    eventually(lambda: theatre.requests() > 10, within=20)

    leaver.terminate()

    eventually(lambda: not leaver.lives, within=20)
    # Were anything lost with it, the campaign would wait for its lease, or 30 s for its messages.
    verdict = theatre.ended(campaign, within=25)
    assert not verdict.broken
    assert verdict.members.delivered == 80_000
    assert theatre.requests() == 80


def test_the_same_message_ten_times_and_two_relays_ask_once_for_each_chunk(stage: Stage) -> None:
    theatre = stage(None, "--latency", "0.3")
    theatre.hire(2)
    campaign = theatre.enqueue(16)

    for _ in range(10):
        theatre.ring(campaign, range(1, 17))

    verdict = theatre.ended(campaign)
    assert not verdict.broken
    assert verdict.members.delivered == 16_000
    assert theatre.requests() == 16


def test_a_slow_worker_cannot_overrule_the_one_that_has_its_chunk_now(stage: Stage) -> None:
    theatre = stage(Timing(request_timeout=4, pack_id_window=100), "--latency", "3")
    theatre.hire(2)
    theatre.push_api.next("hang_before")
    campaign = theatre.enqueue(1)
    eventually(lambda: theatre.requests() == 1, within=20)
    slow = theatre.claimant(campaign)
    slow.freeze()

    eventually(lambda: theatre.requests() == 2, within=70)
    slow.thaw()
    eventually(lambda: "too late" in slow.said(), within=15)

    verdict = theatre.ended(campaign)
    assert not verdict.broken
    assert verdict.members.delivered == 1000
    assert theatre.requests() == 2
