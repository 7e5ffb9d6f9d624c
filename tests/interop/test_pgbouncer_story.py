"""A campaign by way of PgBouncer, with a worker killed and PgBouncer restarted in its middle."""

from tests.faults.conftest import Stage
from tests.faults.scale import full
from tests.faults.servers import Mortals
from tests.interop.pgbouncer import running_pgbouncer
from tests.waiting import eventually

CHUNKS = 150 if full() else 40


def test_a_killed_worker_and_a_restarted_pooler_in_mid_campaign_lose_nobody(
    stage: Stage, mortals: Mortals
) -> None:
    with running_pgbouncer(mortals.postgresql.url, "transaction") as pooler:
        theatre = stage(None, "--latency", "0.2", pooled=pooler.url)
        first, _ = theatre.hire(2)
        campaign = theatre.enqueue(CHUNKS)
        eventually(lambda: theatre.requests() >= 6, within=30)
        first.kill()
        eventually(lambda: theatre.requests() >= 12, within=30)
        pooler.restart()

        verdict = theatre.ended(campaign, within=120)

    assert not verdict.broken
    assert verdict.reached == CHUNKS * 1000
