"""The vendor forgets what it has seen when its window closes: what is in doubt then stays so."""

from tests.faults import moments
from tests.faults.conftest import Stage
from tests.faults.theatre import Timing, for_seconds
from tests.waiting import eventually

TIMING = Timing(request_timeout=1, pack_id_window=12)


def test_an_api_that_hangs_after_accepting_and_is_gone_beyond_the_window_leaves_unresolved(
    stage: Stage,
) -> None:
    theatre = stage(TIMING)
    theatre.hire(2)
    theatre.push_api.set_faults(probabilities={"hang_after": 1})
    campaign = theatre.enqueue(20)
    eventually(lambda: theatre.requests() >= 5, within=20)
    theatre.api.close_door()
    theatre.push_api.set_faults(probabilities={})
    for_seconds(16)
    theatre.api.open_door()

    verdict = theatre.ended(campaign, within=60)

    assert not verdict.broken
    assert verdict.members.unresolved >= 5000
    assert verdict.reached == 20_000 - verdict.members.unresolved
    unresolved = f"{verdict.members.unresolved:,} members"
    explanation = theatre.dispatcher.explain(campaign)
    happened = [event.what for event in explanation.happened]
    assert [what for what in happened if "in doubt: may have been sent" in what]
    assert [what for what in happened if what.startswith(unresolved) and "can no longer" in what]
    assert explanation.waits_for == ()
    (remedy,) = explanation.remedies
    assert remedy.startswith(f"{verdict.members.unresolved:,} unresolved members: ")
    assert f"`dispatcher retry {campaign[:8]} --only unresolved`" in remedy
    theatre.assert_all_workers_go_on()


def test_a_worker_frozen_beyond_the_window_and_thawed_sends_nothing(stage: Stage) -> None:
    theatre = stage(TIMING)
    before_the_request = moments.claimed(theatre.database)
    theatre.hire(2)
    campaign = theatre.enqueue(1)
    frozen = theatre.held_by(before_the_request)
    frozen.freeze()
    before_the_request.let_go()

    verdict = theatre.ended(campaign, within=60)
    assert verdict.members.unresolved == 1000
    for_seconds(2)
    frozen.thaw()
    eventually(lambda: "too late" in frozen.said(), within=15)

    assert theatre.requests() == 0
    assert not theatre.verdict(campaign).broken
    theatre.assert_all_workers_go_on()


def test_everything_down_for_longer_than_the_window_ends_in_the_truth(stage: Stage) -> None:
    theatre = stage(TIMING, "--latency", "0.3")
    theatre.hire(2)
    campaign = theatre.enqueue(60)
    eventually(lambda: theatre.requests() > 10, within=20)

    for proxy in (theatre.api, theatre.database, theatre.broker):
        proxy.close_door()
    for_seconds(TIMING.pack_id_window + 1)
    for proxy in (theatre.api, theatre.database, theatre.broker):
        proxy.open_door()

    verdict = theatre.ended(campaign, within=90)
    assert not verdict.broken
    assert verdict.reached + verdict.members.unresolved == 60_000
    theatre.assert_all_workers_go_on()
