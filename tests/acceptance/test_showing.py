"""Looking at campaigns: what a person reads, and what a script gets."""

import json
from datetime import UTC, datetime
from functools import partial

import pytest

from dispatcher import Dispatcher
from dispatcher.books.schema import head_revision
from tests.acceptance.audiences import csv_of, reachable_tokens
from tests.acceptance.program import APP, MESSAGE, Program
from tests.sandbox_process import PushApi

pytestmark = pytest.mark.usefixtures("house_worker")

# interface.md, "show ID --json"
KEYS = (
    "id key app_id campaign_tag platforms account state reason created_at send_at expires_at "
    "started_at finished_at rate window finish_by planned_rate max_error_rate canary "
    "input members remaining result chunks errors throughput held variants differences test "
    "awaits_approval"
)
NESTED_KEYS = {
    "input": "read invalid duplicates suppressed excluded absent",
    "members": "total delivered uncounted rejected unresolved expired cancelled withheld remaining",
    "remaining": "pending sending in_doubt",
    "result": "audience successful erroneous",
    "chunks": "total pending sending delivered uncounted rejected unresolved expired cancelled "
    "withheld",
    "throughput": "members_per_second requests_per_second eta_seconds",
}


def test_show_prints_exactly_the_promised_document(house: Program, push_api: PushApi) -> None:
    push_api.set_faults(next=[{"fault": None}, {"fault": "code_33"}])
    audience = csv_of(house, "two-chunks.csv", reachable_tokens("document", 1_200))

    campaign = house.send(audience, "--tag", "winback", "--rate", "500")
    known = house.until(campaign, "completed")
    document = house.show(campaign)

    assert " ".join(document) == KEYS
    assert {name: " ".join(document[name]) for name in NESTED_KEYS} == NESTED_KEYS
    assert document == known
    assert document["campaign_tag"] == "winback"
    assert document["platforms"] == ["ios"]
    assert document["rate"] == 500.0
    (error,) = document["errors"]
    assert list(error) == ["http_status", "code", "message", "chunks", "members"]
    assert (error["http_status"], error["code"], error["chunks"]) == (400, 33, 1)


def test_every_verb_prints_one_document_and_nothing_else(house: Program) -> None:
    audience = csv_of(house, "one.csv", reachable_tokens("verbs", 1))
    command = house.send_command(audience, "--at", "2099-01-01T00:00Z", "--json")

    sent = house.run(*command)
    campaign_id = sent.document["id"]
    changed = [
        house.run(verb, campaign_id, *more, "--json")
        for verb, *more in (["show"], ["rate", "5"], ["pause"], ["resume"], ["cancel"], ["watch"])
    ]
    listed = house.run("list", "--json")

    assert [ran.document["state"] for ran in changed] == [
        "scheduled",
        "scheduled",
        "paused",
        "scheduled",
        "cancelled",
        "cancelled",
    ]
    assert changed[1].document["rate"] == 5.0
    assert listed.document[0] == changed[-1].document
    # A cancelled campaign did not deliver to everybody: that is watch's exit status.
    assert [ran.status for ran in [sent, *changed, listed]] == [0, 0, 0, 0, 0, 0, 3, 0]
    assert sent.stderr == listed.stderr == ""
    assert house.ask("migrate") == {"before": head_revision(), "after": head_revision()}


def test_campaigns_are_found_by_last_by_a_beginning_and_by_state(house: Program) -> None:
    audience = csv_of(house, "one.csv", reachable_tokens("found", 1))
    campaign = house.send(audience, "--at", "2099-01-01T00:00Z")

    assert house.ask("show", "last")["id"] == campaign["id"]
    assert house.ask("show", campaign["id"][:13])["id"] == campaign["id"]
    assert house.ask("rate", "last", "none")["rate"] is None
    scheduled = house.ask("list", "--state", "scheduled")
    assert scheduled[0]["id"] == campaign["id"]
    assert {each["state"] for each in scheduled} == {"scheduled"}
    house.ask("cancel", "last")


def test_a_person_reads_a_page_and_a_list(house: Program) -> None:
    audience = csv_of(house, "two.csv", reachable_tokens("page", 2))
    campaign = house.send(audience, "--tag", "spring [/b] :cat:")
    house.until(campaign, "completed")

    page, listed = house.run("show", campaign["id"]), house.run("list")

    assert f"Campaign {campaign['id']}  completed" in page.stdout
    assert "tag spring [/b] :cat:" in page.stdout
    assert "spring [/b] :cat:" in listed.stdout
    assert "The vendor counted 2 found, 2 sent, 0 unreachable." in page.stdout
    assert campaign["id"][:8] in listed.stdout
    assert "\x1b" not in page.stdout + listed.stdout


def test_watching_without_a_terminal_prints_plain_lines(house: Program) -> None:
    audience = csv_of(house, "watched.csv", reachable_tokens("watched", 2_000))

    ran = house.run(*house.send_command(audience, "--watch"))

    assert ran.status == 0
    first, *progress = ran.stderr.splitlines()
    assert "2,000 members in 2 chunks." in first
    assert progress[-1].startswith("completed: 2,000 of 2,000 members")
    assert "\x1b" not in ran.stdout + ran.stderr
    assert "completed" in ran.stdout


def test_send_and_watch_with_json_print_the_document_of_the_end(house: Program) -> None:
    audience = csv_of(house, "watched.csv", reachable_tokens("watched-json", 2_000))

    ran = house.run(*house.send_command(audience, "--watch", "--json"))

    assert ran.status == 0
    assert ran.document["members"]["delivered"] == 2_000


def test_a_reader_that_has_enough_is_no_error(house: Program) -> None:
    with house.start("sh", "-c", "dispatcher list | head -0") as listing:
        assert listing.communicate()[1] == ""


@pytest.mark.parametrize("buffering", ["", "1"])
@pytest.mark.parametrize(
    ("verb", "output", "status", "told"),
    [
        ("list", ">/dev/full", 1, "cannot be written to: No space left on device"),
        ("--help", ">/dev/full", 1, "cannot be written to: No space left on device"),
        ("list", ">&-", 0, ""),
        ("list --state nope", ">&-", 2, "is no state of a campaign"),
        ("list", "2>/dev/full >/dev/full", 1, ""),
        ("list --state nope", "2>/dev/full", 2, ""),
        ("list --state nope", "2>&-", 2, ""),
    ],
)
def test_output_that_goes_nowhere_changes_no_status_and_is_told(
    house: Program, verb: str, output: str, status: int, told: str, buffering: str
) -> None:
    unbuffered = house.having(PYTHONUNBUFFERED=buffering)
    with unbuffered.start("sh", "-c", f"dispatcher {verb} {output}") as process:
        _, complaint = process.communicate()
    assert process.returncode == status
    assert told in complaint
    assert complaint.count("\n") == bool(told)


def test_a_warning_about_the_message_goes_to_standard_error(house: Program) -> None:
    audience = csv_of(house, "one.csv", reachable_tokens("warned", 1))
    message = {"ios": {"payload": {"text": "Hello", "colour": "red"}}}

    ran = house.run(
        *house.send_command(audience, "--json", "--at", "2099-01-01T00:00Z", message=message)
    )

    assert ran.stderr == ("Warning: ios.payload.colour is not in the Push API's published lists.\n")
    house.ask("cancel", json.loads(ran.stdout)["id"])


def test_a_terminal_that_knows_only_ascii_gets_other_signs(house: Program) -> None:
    audience = csv_of(house, "ascii.csv", reachable_tokens("ascii", 1))
    ascii_only = house.having(PYTHONIOENCODING="ascii")
    command = house.send_command(audience, "--at", "2099-01-01T00:00Z", "--tag", "Zürich")

    sent = ascii_only.run(*command, "--json")
    campaign_id = sent.document["id"]
    page = ascii_only.run("show", campaign_id)
    document = ascii_only.run("show", campaign_id, "--json")
    listed = ascii_only.run("list")
    refused = ascii_only.run("show", "Zürich")

    assert [ran.status for ran in (sent, page, document, listed, refused)] == [0, 0, 0, 0, 2]
    assert " - tag Z\\xfcrich" in page.stdout
    assert document.document["campaign_tag"] == "Zürich"
    assert refused.stderr.startswith("dispatcher: ")
    assert house.run("cancel", campaign_id).status == 0


def test_a_list_has_pages_and_says_where_there_is_more(house: Program) -> None:
    later = datetime(2099, 1, 1, tzinfo=UTC)
    order = partial(Dispatcher.enqueue, app_id=APP, message=MESSAGE, audience=[{"token": "one"}])
    with house.books() as books:
        sent = [order(books, send_at=later, campaign_tag="pages") for _ in range(3)]

    page = house.run("list", "--tag", "pages", "--limit", "2", "--json")
    rest = house.run("list", "--tag", "pages", "--limit", "2", "--before", sent[1], "--json")
    wrong = house.run("list", "--limit", "0")

    assert [one["id"] for one in page.document] == [sent[2], sent[1]]
    assert (
        page.stderr == f"There are more: `--before {sent[1][:8]}` goes on, `--limit` shows more.\n"
    )
    assert ([one["id"] for one in rest.document], rest.stderr) == ([sent[0]], "")
    assert (wrong.status, wrong.stdout) == (2, "")
    assert "--limit is 0: give how many campaigns to list" in wrong.stderr
