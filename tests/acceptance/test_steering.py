"""Pausing, resuming, cancelling, and times to begin and to give up."""

import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.acceptance.audiences import csv_of, reachable_tokens
from tests.acceptance.program import APP, MESSAGE, Program
from tests.sandbox_process import PushApi
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("house_worker")

LATENCY = 0.5


def begun(house: Program, push_api: PushApi, name: str, chunks: int) -> dict[str, Any]:
    """A campaign that is amid its requests: each takes LATENCY, and eight go at once."""
    push_api.set_faults(latency=LATENCY)
    members = reachable_tokens(name, 1_000 * chunks)
    campaign = house.send(csv_of(house, f"{name}.csv", members))
    eventually(lambda: len(push_api.requests()) > 10, within=20)
    return campaign


def test_a_pause_takes_effect_within_a_request_and_resume_goes_on(
    house: Program, push_api: PushApi
) -> None:
    campaign = begun(house, push_api, "paused", chunks=100)

    with house.books() as books:
        books.pause(campaign["id"])
    paused_at = datetime.now(UTC).timestamp()
    paused = house.until(campaign, "paused")

    last = max(request["wall"] for request in push_api.requests())
    assert last < paused_at + LATENCY
    assert paused["reason"] is None
    assert paused["chunks"]["pending"] > 0

    push_api.set_faults(latency=0)
    assert house.ask("resume", campaign["id"])["state"] == "running"
    assert house.until(campaign, "completed")["members"]["delivered"] == 100_000
    ledger = push_api.ledger()
    assert (ledger["devices"], ledger["twice"], ledger["requests"]) == (100_000, 0, 100)


def test_cancelling_closes_the_books_and_nothing_is_sent_after(
    house: Program, push_api: PushApi
) -> None:
    campaign = begun(house, push_api, "cancelled", chunks=100)

    with house.books() as books:
        cancelled = books.cancel(campaign["id"])
    cancelled_at = datetime.now(UTC).timestamp()
    closed = house.until(campaign, "cancelled")

    assert cancelled.state == "cancelled"
    assert max(request["wall"] for request in push_api.requests()) < cancelled_at
    members, chunks = closed["members"], closed["chunks"]
    assert members["delivered"] == 1_000 * chunks["delivered"] == push_api.ledger()["devices"]
    assert members["delivered"] + members["cancelled"] == members["total"] == 100_000
    assert chunks["delivered"] + chunks["cancelled"] == chunks["total"]
    eventually(lambda: house.show(campaign)["finished_at"])
    again = house.ask("cancel", campaign["id"])
    assert again["members"] == members
    assert push_api.ledger()["requests"] == chunks["delivered"]


def test_a_scheduled_campaign_begins_at_its_time(house: Program, push_api: PushApi) -> None:
    audience = [{"token": token} for token in reachable_tokens("later", 10)]
    with house.books() as books:
        begins = datetime.now(UTC) + timedelta(seconds=5)
        campaign = books.show(
            books.enqueue(app_id=APP, message=MESSAGE, audience=audience, send_at=begins)
        )

    assert (campaign.state, campaign.started_at) == ("scheduled", None)
    assert campaign.send_at == begins
    house.until(campaign.as_json(), "completed")
    (request,) = push_api.requests()
    assert request["wall"] >= begins.timestamp()


def test_an_expired_campaign_says_what_was_not_sent(house: Program, push_api: PushApi) -> None:
    audience = [{"token": token} for token in reachable_tokens("brief", 20_000)]

    with house.books() as books:
        soon = datetime.now(UTC) + timedelta(seconds=4)
        campaign = books.enqueue(
            app_id=APP, message=MESSAGE, audience=audience, rate=2, expires_at=soon
        )
    ended = house.run("watch", campaign, "--json")

    document = ended.document
    assert (ended.status, document["state"]) == (3, "expired")
    members = document["members"]
    assert members["expired"] > 0
    assert members["delivered"] + members["expired"] == 20_000
    assert push_api.ledger()["members"] == members["delivered"]


def test_a_cancel_of_a_large_campaign_that_is_interrupted_has_cancelled_it(
    house: Program, push_api: PushApi
) -> None:
    later = ("--at", "2099-01-01T00:00Z")
    campaign = house.send(csv_of(house, "large.csv", reachable_tokens("large", 1)), *later)
    with house.database() as connection:
        for statement in (
            "INSERT INTO chunk (campaign_id, sequence, size, members)"
            ' SELECT %s, n, 1, \'[{"token":"x"}]\' FROM generate_series(2, 60000) AS n',
            "UPDATE campaign SET input_read = 60000, members_total = 60000,"
            " members_remaining = 60000, chunks_total = 60000, chunks_pending = 60000"
            " WHERE id = %s",
        ):
            connection.exec_driver_sql(statement, (campaign["id"],))

    with house.start("dispatcher", "cancel", campaign["id"]) as cancelling:
        eventually(lambda: house.show(campaign)["state"] == "cancelled", within=30)
        cancelling.send_signal(signal.SIGINT)
        _, told = cancelling.communicate(timeout=60)
        status = cancelling.returncode

    assert (status, "Traceback" in told) in ((130, False), (0, False))
    assert status == 0 or "workers do the rest, and so does `dispatcher cancel" in told
    again = house.ask("cancel", campaign["id"])
    assert (again["members"]["cancelled"], again["members"]["remaining"]) == (60_000, 0)
    assert again["finished_at"] is not None
