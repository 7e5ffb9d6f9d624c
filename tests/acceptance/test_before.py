"""Before a campaign: what it would be, and how it looks to a few."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dispatcher import OptionError
from dispatcher.redaction import Secret
from tests.acceptance.audiences import csv_of, reachable_tokens, tokens
from tests.acceptance.program import APP, MESSAGE, Program
from tests.acceptance.refusals import SEND, Run, check_refused
from tests.sandbox_process import PushApi
from workers.envelope import Envelope

ROWS = "token,userId\na b,0\na,1\nb,2\na,1\nc,3\n"
BLANK = "token holds a blank, so it can be no push token"


def stored(program: Program) -> int:
    """How many rows the books hold."""
    with program.database() as connection:
        tables = ("campaign", "variant", "chunk", "account")
        return sum(
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in tables
        )


def test_a_dry_run_tells_what_would_be_sent_and_leaves_nothing(program: Program) -> None:
    audience = program.file("members.csv", ROWS)
    unwanted = program.file("out.csv", "userId\n3\n")
    options = ("--suppress", unwanted, "--on-invalid", "skip", "--rate", "0.5", "--dry-run")

    found = program.ask(*program.send_command(audience, *options))

    assert found["dry_run"] is True
    assert found["input"] == {
        "read": 5, "invalid": 1, "duplicates": 1, "suppressed": 1, "excluded": 0, "absent": 0
    }  # fmt: skip
    assert found["members"] == {"total": 2}
    assert (found["requests"], found["seconds_at_rate"]) == (1, 2.0)
    assert found["samples"] == {
        "invalid": [{"place": "line 2", "words": BLANK, "row": "a b,0"}],
        "duplicates": [{"place": "row 4", "words": '{"token":"a","userId":"1"}', "row": ""}],
        "suppressed": [{"place": "row 5", "words": '{"token":"c","userId":"3"}', "row": ""}],
        "excluded": [],
    }
    assert found["warnings"] == ["No worker is alive."]
    assert stored(program) == 0
    assert list(Path(program.environment["DISPATCHER_HOME"], "scratch").glob("*")) == []


def test_the_largest_request_of_a_dry_run_is_the_largest_that_a_worker_makes(
    program: Program,
) -> None:
    audience = csv_of(program, "sized.csv", [*tokens("sized", 1_100), "one-that-is-longer" * 20])
    command = program.send_command(audience, "--tag", "winback")

    found = program.ask(*command, "--dry-run")
    campaign = program.ask(*command)

    with program.database() as connection:
        chunks = connection.exec_driver_sql("SELECT pack_id, members FROM chunk").all()
        message = connection.exec_driver_sql("SELECT message FROM campaign").scalar_one()
    token = Secret(program.environment["DISPATCHER_USER_TOKEN"])
    envelope = Envelope.of(token, campaign["app_id"], "winback", message)
    sizes = [len(envelope.body(chunk.pack_id, chunk.members)) for chunk in chunks]
    assert (found["requests"], found["largest_request_bytes"]) == (2, max(sizes))


def test_a_dry_run_of_a_key_says_what_it_stands_for(program: Program) -> None:
    audience = program.file("members.csv", "token\na\n")
    made = program.send(audience, "--key", "k")

    found = program.ask(*program.send_command(audience, "--key", "k", "--dry-run"))
    other = program.file("others.csv", "token\nb\n")
    ran = program.run(*program.send_command(other, "--key", "k", "--dry-run"))

    assert made["id"] in found["warnings"][0]
    assert ran.status == 2
    assert "already stands for campaign" in ran.stderr
    assert len(program.ask("list")) == 1


def test_a_person_reads_a_dry_run(program: Program) -> None:
    audience = program.file("members.csv", ROWS)
    ran = program.run(*program.send_command(audience, "--on-invalid", "skip", "--dry-run"))
    assert ran.status == 0
    assert ran.stdout.splitlines() == [
        "Dry run: nothing is stored, nothing is sent.",
        "",
        "  rows read   5",
        "  invalid     1  cannot be sent to",
        "  duplicates  1  repeat an earlier row",
        "  members     3  would be sent to",
        "",
        ran.stdout.splitlines()[7],
        "",
        "Invalid",
        f"  line 2  {BLANK}",
        "",
        "Duplicates",
        '  row 4  {"token":"a","userId":"1"}',
        "",
        "To know before",
        "  No worker is alive.",
    ]
    assert ran.stdout.splitlines()[7].startswith("  1 request, of ")


@pytest.mark.usefixtures("house_worker")
def test_a_test_reaches_a_few_now_whatever_the_campaign_waits_for(
    house: Program, push_api: PushApi
) -> None:
    few = csv_of(house, "few.csv", reachable_tokens("few", 2))
    command = house.send_command(
        few, "--at", "2099-01-01T00:00Z", "--key", "for-later", "--test-to", few
    )

    ran = [house.run(*command, "--json") for _ in range(2)]

    assert [each.status for each in ran] == [0, 0]
    for document in (each.document for each in ran):
        assert (document["state"], document["test"], document["key"]) == ("completed", True, None)
        assert document["result"] == {"audience": 2, "successful": 2, "erroneous": 0}
    listed = {each["id"] for each in house.ask("list", "--limit", "1000")}
    tests = {each["id"] for each in house.ask("list", "--tests", "--limit", "1000")}
    assert {each.document["id"] for each in ran} <= tests
    assert not tests & listed


@pytest.mark.usefixtures("house_worker")
def test_a_test_that_the_vendor_refuses_says_why_and_ends_with_3(
    house: Program, push_api: PushApi
) -> None:
    push_api.set_faults(next=[{"fault": "code_33"}])
    few = csv_of(house, "nobody.csv", reachable_tokens("nobody", 1))

    ran = house.run(*house.send_command(few, "--test-to", few), "--json")

    assert ran.status == 3
    assert [error["code"] for error in ran.document["errors"]] == [33]


def test_the_last_campaign_is_no_test(program: Program) -> None:
    with program.books() as books:
        campaign = books.enqueue(app_id=APP, message=MESSAGE, audience=[{"token": "a"}])
        test = books.enqueue(app_id=APP, message=MESSAGE, test_to=[{"token": "b"}])

        assert books.show("last").id == campaign
        assert books.show(test).test
        soon = books.show(test).expires_at
        assert soon is not None
        assert soon < datetime.now(UTC) + timedelta(hours=1)


def test_a_test_for_many_is_refused(program: Program) -> None:
    rows = [{"token": f"t{number}"} for number in range(101)]
    with (
        program.books() as books,
        pytest.raises(OptionError, match="100 members at most, and test_to"),
    ):
        books.enqueue(app_id=APP, message=MESSAGE, audience=rows, test_to=rows)
    assert stored(program) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--dry-run", "--watch"), "--dry-run sends nothing, and --watch"),
        (("--dry-run", "--test-to", "good.csv"), "--dry-run sends nothing, and --test-to"),
        (("--test-to", "nowhere.csv"), "nowhere.csv"),
        (("--test-to", "good.csv", "--expires", "2020-01-01T00:00Z"), "has passed"),
    ],
)
def test_what_cannot_be_before_a_campaign_is_refused(
    run: Run, options: tuple[str, ...], words: str
) -> None:
    check_refused(run(*SEND, *options), 2, (words,))
