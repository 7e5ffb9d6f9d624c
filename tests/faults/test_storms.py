"""Much goes wrong at once, to many; everybody is reached exactly once."""

from tests.faults.conftest import Stage
from tests.faults.scale import full
from tests.faults.theatre import CHUNK, Timing, for_seconds
from tests.faults.weather import STORM
from tests.waiting import eventually

SOME_NOT_REACHED = ("--not-found", "0.02", "--unreachable", "0.03")
"""So that each chunk has numbers of its own."""


def test_a_storm_of_faults_reaches_everybody_exactly_once(stage: Stage) -> None:
    theatre = stage(
        Timing(request_timeout=5, pack_id_window=600), "--retry-after", "1", *SOME_NOT_REACHED
    )
    theatre.hire(2, slots=16)
    theatre.push_api.set_faults(probabilities=STORM)
    chunks = 150 if full() else 80

    verdict = theatre.ended(theatre.enqueue(chunks), within=180)

    assert not verdict.broken
    assert verdict.reached == chunks * CHUNK
    assert verdict.uncounted == verdict.lost_replies


def test_workers_killed_one_after_another_leave_no_chunk_behind(stage: Stage) -> None:
    theatre = stage(Timing(request_timeout=2), "--latency", "0.2")
    victims = 8 if full() else 3
    theatre.hire(victims + 1)
    campaign = theatre.enqueue(200 if full() else 90)
    eventually(lambda: theatre.requests() > 5, within=30)

    for victim in theatre.workers[:victims]:
        victim.kill()
        for_seconds(2 if full() else 1)

    verdict = theatre.ended(campaign, within=120)
    assert not verdict.broken
    assert verdict.reached == verdict.members.total
    assert theatre.books(campaign).chunks.sending == 0
