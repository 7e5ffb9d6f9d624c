"""What the vendor refuses: one request, a pause with the reason, and `resume` when it is right."""

import json
from typing import Any

import pytest

from tests.acceptance.audiences import csv_of, reachable_tokens
from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import Program
from tests.sandbox_process import PushApi, running_push_api
from tests.waiting import eventually

UNKNOWN_KEY = {"ios": {"payload": {"text": "Hello", "colour": "red"}}}
TOO_LONG = {"ios": {"payload": {"text": "Hello" * 1_000}}}


@pytest.mark.usefixtures("house_worker")
@pytest.mark.parametrize(
    ("message", "app", "code", "words"),
    [
        (UNKNOWN_KEY, "sandbox-app", 29, "Unexpected field ios.payload.colour"),
        (TOO_LONG, "sandbox-app", 31, "Notification payload size limit exceeded"),
        (None, "another-app", 6, "Invalid app id another-app"),
    ],
)
def test_a_wrong_campaign_costs_one_request_and_pauses_with_the_reason(
    house: Program, push_api: PushApi, message: Any, app: str, code: int, words: str
) -> None:
    audience = csv_of(house, "members.csv", reachable_tokens("refused", 20_000))
    path = house.file("message.json", json.dumps(message or {"ios": {"payload": {"text": "Hi"}}}))

    ran = house.run("send", path, "--app-id", app, "--audience", audience, "--watch", "--json")

    assert (ran.status, ran.document["state"]) == (3, "paused")
    assert ran.document["reason"] == (f"The Push API refused it: {words} (HTTP 400, code {code}).")
    assert push_api.ledger()["refused"] == {str(code): 1}
    assert push_api.ledger()["requests"] == 1
    # The sum of the chunks follows within the second in which campaigns are rolled up.
    eventually(lambda: house.show(ran.document)["members"]["rejected"] == 1_000)
    house.ask("cancel", ran.document["id"])


def test_a_wrong_token_rests_the_campaign_until_a_worker_has_the_right_one(
    new_program: NewProgram,
) -> None:
    with running_push_api() as push_api:
        right = new_program(DISPATCHER_PUSH_API_URL=push_api.url)
        wrong = right.having(DISPATCHER_USER_TOKEN="not-the-token")
        audience = csv_of(right, "members.csv", reachable_tokens("token", 20_000))

        with wrong.worker("wrong") as worker:
            ran = wrong.run(*wrong.send_command(audience, "--watch"))
            said = worker.said()
        document = right.ask("show", "last")
        requests = push_api.ledger()["requests"]
        with right.worker("right"):
            right.ask("resume", document["id"])
            completed = right.until(document, "completed")

        ledger = push_api.ledger()
    assert (ran.status, document["state"], requests) == (3, "paused", 1)
    assert document["reason"] == (
        "The Push API refused it: Authorization error. Wrong user token *** (HTTP 401, code 11)."
    )
    assert document["reason"] in " ".join(ran.stdout.split())
    assert "not-the-token" not in ran.stdout + ran.stderr + said + json.dumps(document)
    assert completed["members"]["delivered"] == 20_000
    assert completed["reason"] is None
    assert (ledger["devices"], ledger["twice"]) == (20_000, 0)


def test_ctrl_c_while_watching_leaves_the_campaign_running(
    house: Program, push_api: PushApi, house_worker: object
) -> None:
    push_api.set_faults(latency=0.5)
    audience = csv_of(house, "watched.csv", reachable_tokens("left", 30_000))

    with house.start("dispatcher", *house.send_command(audience, "--watch")) as watching:
        assert watching.stderr is not None
        # Preparing tells its progress, too, where it takes long.
        committed = next(line for line in watching.stderr if line.startswith("Campaign "))
        progress = watching.stderr.readline()
        watching.send_signal(2)
        said = watching.stderr.read()

    campaign_id = committed.split()[1].rstrip(":")
    assert progress.startswith("running: ")
    assert watching.returncode == 130
    assert said == (
        "The campaign goes on without being watched; "
        f"`dispatcher watch {campaign_id}` shows it again.\n"
    )
    push_api.set_faults(latency=0)
    assert house.until({"id": campaign_id}, "completed")["members"]["delivered"] == 30_000


@pytest.mark.parametrize("account_rate", [None, "5"])
def test_a_rate_that_nobody_would_keep_is_refused_and_commits_nothing(
    program: Program, account_rate: str | None
) -> None:
    alone = program.having(DISPATCHER_BROKER_URL="amqp://127.0.0.1:1", DISPATCHER_RATE=account_rate)
    audience = alone.file("members.csv", "userId\nanna\n")
    limits = [] if account_rate else ["--rate", "5"]

    sent = alone.run(*alone.send_command(audience, *limits))

    assert sent.status == 2
    assert "DISPATCHER_REDIS_URL is not set" in sent.stderr
    assert alone.ask("list") == []
    campaign = program.send(audience)
    assert alone.run("rate", campaign["id"], "5").status == 2
    assert alone.show(campaign)["rate"] is None
