"""Webhooks, from the order to the receiver: signed, in order, and no campaign waits for one."""

import pytest

from tests.acceptance.audiences import csv_of, reachable_tokens
from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import Program
from tests.acceptance.refusals import SEND, Run, check_nothing_left, check_refused
from tests.sandbox_process import running_push_api
from tests.waiting import eventually
from tests.webhook_receiver import SECRET, receiving

HERE = {"DISPATCHER_NOTIFY_SECRET": SECRET, "DISPATCHER_NOTIFY_ALLOW": "127.0.0.0/8"}


def test_a_receiver_that_was_down_is_told_everything_and_no_campaign_waited(
    new_program: NewProgram,
) -> None:
    with running_push_api() as push_api, receiving() as receiver:
        program = new_program(DISPATCHER_PUSH_API_URL=push_api.url, **HERE)
        receiver.down()
        with program.worker() as worker:
            audience = csv_of(program, "members.csv", reachable_tokens("told", 2_000))
            notified = ("--notify", receiver.url, "--rate", "0.05")
            campaign = program.send(audience, *notified, "--tag", "winback")
            program.ask("pause", campaign["id"])
            program.ask("rate", campaign["id"], "none")
            program.ask("resume", campaign["id"])
            completed = program.until(campaign, "completed")
            assert receiver.events == []
            waiting = program.run("webhook", "list", "last")
            page = program.run("webhook", "list", "--limit", "2")
            older = program.ask("webhook", "list", "--before", f"{campaign['id'][:8]}/3")
            eventually(lambda: "is not delivered" in worker.said())

            receiver.up()

            eventually(lambda: len(receiver.events) >= 4, within=60)
            listed = eventually(lambda: all_delivered(program), within=20)
            assert program.ask("webhook", "redeliver", campaign["id"], "2") == {"due": 1}
            eventually(lambda: len(receiver.events) == 5, within=20)

    kinds = [f"campaign.{kind}" for kind in ("started", "paused", "resumed", "completed")]
    assert receiver.told == [*enumerate(kinds, start=1), (2, "campaign.paused")]
    assert receiver.ids[4] == receiver.ids[1]
    last = receiver.events[3]["data"]
    assert (last["id"], last["campaign_tag"]) == (campaign["id"], "winback")
    assert last["members"] == completed["members"]
    assert waiting.stdout.count("127.0.0.1") == 4
    assert f"`--before {campaign['id'][:8]}/3` shows them" in page.stderr
    assert [each["sequence"] for each in older] == [2, 1]
    assert "of=campaigns" not in waiting.stdout + worker.said()
    assert listed is not None
    assert list(listed[0]) == [
        *("campaign", "sequence", "id", "type", "receiver", "created_at", "attempts", "due_at"),
        *("delivered_at", "given_up_at", "http_status", "error"),
    ]
    assert listed[0]["http_status"] == 200


def all_delivered(program: Program) -> list[dict[str, object]] | None:
    """What is listed, once nothing waits."""
    listed: list[dict[str, object]] = program.ask("webhook", "list")
    return listed if all(one["delivered_at"] for one in listed) else None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("example.org/hook", "it must begin with https://, as in https://example.org/hook"),
        ("https://anna:hush@example.org", "has a login in it"),
        ("http://127.0.0.1:8080/hook", "leads to 127.0.0.1, which is no address of the Internet"),
        ("https://169.254.169.254/latest", "DISPATCHER_NOTIFY_ALLOW"),
        ("https://[::ffff:10.0.0.1]/", "no address of the Internet"),
        ("https://localhost/hook", "no address of the Internet"),
        (f"https://{'a' * 64}.example/hook", "which can be no host"),
    ],
)
def test_a_receiver_that_is_none_or_not_allowed_is_refused(
    run: Run, empty_books: Program, url: str, words: str
) -> None:
    ran = run(*SEND, "--notify", url)
    check_refused(ran, 2, ("notify (--notify)", words))
    assert "hush" not in ran.stderr
    check_nothing_left(empty_books)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("webhook", "list", "nothing"), "'nothing' is no campaign's id"),
        (("webhook", "list", "--limit", "0"), "--limit is 0"),
        (("webhook", "list", "--before", "3"), "--before is '3': give a campaign and the number"),
        (("webhook", "list", "--before", "4f2c91aa/3"), "No campaign has the id 4f2c91aa"),
        (("webhook", "redeliver", "last"), "There is no campaign yet"),
        (("webhook", "redeliver", "last", "0"), "sequence is 0: give the number of a webhook"),
    ],
)
def test_a_wrong_question_is_refused(run: Run, words: tuple[str, ...], told: str) -> None:
    check_refused(run(*words), 2, (told,))


def test_a_wrong_secret_ends_whatever_is_started_with_a_sentence(run: Run) -> None:
    ran = run("list", DISPATCHER_NOTIFY_SECRET="whsec_hush")
    check_refused(ran, 2, ("DISPATCHER_NOTIFY_SECRET is wrong: it must be whsec_",))
    assert "hush" not in ran.stderr
