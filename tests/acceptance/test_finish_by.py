"""Campaigns that are to end by a time."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.audiences import csv_of, reachable_tokens
from tests.acceptance.program import Program
from tests.sandbox_process import PushApi

pytestmark = pytest.mark.usefixtures("house_worker")


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_a_campaign_ends_by_its_time_and_not_long_before(house: Program, push_api: PushApi) -> None:
    push_api.set_faults(latency=0.05)
    audience = csv_of(house, "planned.csv", reachable_tokens("planned", 40_000))
    campaign = house.send(audience, "--finish-by", soon(30))
    begun = datetime.fromisoformat(campaign["created_at"])
    by = datetime.fromisoformat(campaign["finish_by"])
    assert campaign["planned_rate"] == pytest.approx(40 / (by - begun).total_seconds(), rel=0.1)

    ended = house.until(campaign, "completed", within=45)

    took = datetime.fromisoformat(ended["finished_at"]) - begun
    assert 0.9 * (by - begun) < took <= 1.05 * (by - begun)
    assert push_api.ledger()["requests"] == 40


def test_a_time_that_is_set_amid_a_campaign_is_made(house: Program, push_api: PushApi) -> None:
    audience = csv_of(house, "hurried.csv", reachable_tokens("hurried", 30_000))
    campaign = house.send(audience, "--finish-by", soon(3600))
    assert campaign["planned_rate"] < 0.01

    hurried = house.ask("finish-by", campaign["id"], soon(15))
    assert hurried["planned_rate"] > 1.5

    ended = house.until(campaign, "completed", within=30)
    assert (
        ended["finished_at"]
        < (datetime.fromisoformat(hurried["finish_by"]) + timedelta(seconds=2)).isoformat()
    )


def test_what_cannot_be_made_is_refused_and_leaves_nothing(house: Program) -> None:
    audience = csv_of(house, "too-much.csv", reachable_tokens("too-much", 100_000))
    before = house.ask("list")
    command = house.send_command(audience, "--rate", "1", "--finish-by", soon(20))

    refused = house.run(*command)

    assert (refused.status, refused.stdout) == (2, "")
    earliest = datetime.fromisoformat(refused.stderr.split()[-1].rstrip("."))
    assert 90 < (earliest - datetime.now(UTC)).total_seconds() < 110
    assert [each["id"] for each in house.ask("list")] == [each["id"] for each in before]
