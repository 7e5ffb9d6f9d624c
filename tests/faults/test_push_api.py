"""The vendor's API fails in every way it can; each member is asked for until the truth is known."""

from tests.faults.conftest import Stage
from tests.faults.testimony import NOT_SENT, SENT
from tests.faults.theatre import CHUNK, Timing, for_seconds
from tests.waiting import eventually


def test_every_fault_of_the_api_ends_with_everybody_reached_once(stage: Stage) -> None:
    theatre = stage(None, "--retry-after", "1")
    theatre.hire_one(slots=8)
    theatre.push_api.next(*NOT_SENT, *SENT)

    verdict = theatre.ended(theatre.enqueue(40), within=90)

    assert not verdict.broken
    assert verdict.ledger["faults"] == dict.fromkeys(sorted(NOT_SENT + SENT), 1)
    assert verdict.reached == 40 * CHUNK
    assert verdict.uncounted == verdict.lost_replies
    assert verdict.uncounted
    theatre.assert_all_workers_go_on()


def test_an_api_that_refuses_connections_delays_a_campaign_and_leaves_no_doubt(
    stage: Stage,
) -> None:
    theatre = stage(Timing(request_timeout=1, pack_id_window=4))
    theatre.hire(2)
    theatre.api.close_door()
    campaign = theatre.enqueue(20)
    for_seconds(6)
    assert theatre.requests() == 0
    theatre.api.open_door()

    verdict = theatre.ended(campaign, within=60)

    assert not verdict.broken
    assert verdict.members.delivered == 20_000


def test_retry_after_lets_the_wire_finish_and_holds_everybody_else_though_the_broker_forgets(
    stage: Stage,
) -> None:
    theatre = stage(Timing(request_timeout=3), "--latency", "0.5", "--retry-after", "4")
    theatre.hire(2)
    campaign = theatre.enqueue(60)
    eventually(lambda: theatre.requests() > 20, within=20)
    theatre.push_api.next("error_429")
    refusal = eventually(
        lambda: [
            request for request in theatre.push_api.requests() if request["fault"] == "error_429"
        ],
        within=10,
    )[0]
    for_seconds(1)
    theatre.redis().flushall()

    verdict = theatre.ended(campaign, within=70)

    assert not verdict.broken
    assert verdict.members.delivered == 60_000
    told = refusal["monotonic"] + 0.5
    began = [request["monotonic"] for request in theatre.push_api.requests()]
    assert not [moment for moment in began if told + 0.3 < moment < told + 4]
    assert [moment for moment in began if moment >= told + 4]
