"""Workers that die, and several of them: nobody twice, nobody lost, never faster than allowed."""

import pytest

from tests.acceptance.audiences import csv_of, tokens
from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import Program
from tests.sandbox_process import PushApi, running_push_api
from tests.waiting import eventually


def test_a_worker_is_killed_amid_a_campaign_and_another_completes_it(
    new_program: NewProgram,
) -> None:
    with running_push_api("--latency", "1") as push_api:
        program = new_program(
            DISPATCHER_PUSH_API_URL=push_api.url,
            DISPATCHER_REQUEST_TIMEOUT="2",
            DISPATCHER_PACK_ID_WINDOW="120",
        )
        with program.worker("first") as first:
            campaign = program.send(csv_of(program, "members.csv", tokens("kill", 30_000)))
            eventually(lambda: len(push_api.requests()) > 8, within=20)
            first.kill()
        before = push_api.ledger()

        with program.worker("second"):
            # The first one's chunks are taken back when their leases of 12 s have ended.
            program.until(campaign, "completed", within=40)

        document, ledger = program.show(campaign), push_api.ledger()
    assert 0 < before["devices"] < 30_000
    assert (ledger["devices"], ledger["pushes"], ledger["twice"]) == (30_000, 30_000, 0)
    members = document["members"]
    assert members["delivered"] + members["uncounted"] == 30_000
    assert members["uncounted"] > 0


def check_pace(push_api: PushApi, requests: int, rate: float) -> None:
    """At most 13 requests in any second and 33 in any three, for a rate of 10.

    All soon enough, too: by a fifth of the rate on the whole, as a busy machine may be late.
    """
    moments = sorted(request["monotonic"] for request in push_api.requests())
    assert len(moments) == requests
    assert most_within(moments, 1) <= 1.3 * rate
    assert most_within(moments, 3) <= 3.3 * rate
    assert moments[-1] - moments[0] <= 5 * requests / rate


def most_within(moments: list[float], seconds: float) -> int:
    """The most requests that fell into any stretch of so many seconds."""
    return max(sum(first <= moment < first + seconds for moment in moments) for first in moments)


def test_two_workers_keep_a_campaign_s_rate_together(new_program: NewProgram) -> None:
    with running_push_api() as push_api:
        program = new_program(DISPATCHER_PUSH_API_URL=push_api.url)
        audience = csv_of(program, "members.csv", tokens("paced", 59_500))
        with program.worker("first"), program.worker("second"):
            campaign = program.send(audience, "--rate", "10")
            program.until(campaign, "completed", within=40)
        check_pace(push_api, requests=60, rate=10)
        assert push_api.ledger()["twice"] == 0


def test_two_campaigns_keep_the_account_s_rate_together(new_program: NewProgram) -> None:
    with running_push_api() as push_api:
        program = new_program(DISPATCHER_PUSH_API_URL=push_api.url, DISPATCHER_RATE="20")
        with program.worker("first"), program.worker("second"):
            campaigns = [
                program.send(csv_of(program, f"{name}.csv", tokens(name, 30_000)))
                for name in ("one", "two")
            ]
            for campaign in campaigns:
                program.until(campaign, "completed", within=40)
        check_pace(push_api, requests=60, rate=20)


@pytest.mark.usefixtures("house_worker")
def test_a_rate_can_be_lifted_under_way(house: Program, push_api: PushApi) -> None:
    campaign = house.send(csv_of(house, "slow.csv", tokens("slow", 50_000)), "--rate", "1")
    eventually(lambda: push_api.requests(), within=20)

    assert house.ask("rate", campaign["id"], "none")["rate"] is None

    house.until(campaign, "completed", within=15)
