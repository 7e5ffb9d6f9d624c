"""A campaign goes out: everybody once, by the vendor's own ledger, whatever the audience is in."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from tests.acceptance.audiences import csv_of, reachable_tokens, tokens_with_unreachable
from tests.acceptance.program import Program, Worker
from tests.sandbox_process import PushApi

pytestmark = pytest.mark.usefixtures("house_worker")

APPLICATION = """
import sys
import dispatcher

def rows():
    for line in open(sys.argv[1]):
        yield {"token": line.strip()}

if __name__ == "__main__":
    campaign_id = dispatcher.enqueue(
        app_id="sandbox-app",
        message={"ios": {"payload": {"text": "Hello"}}},
        audience=rows(),
        campaign_tag="winback",
    )
    snapshot = dispatcher.show(campaign_id)
    print(campaign_id, snapshot.members.total, snapshot.state)
"""


def check_everybody_once(document: dict[str, Any], ledger: dict[str, Any]) -> None:
    """25,500 members, 40 of them unreachable, in 26 requests."""
    assert document["state"] == "completed"
    assert document["result"] == {"audience": 25_500, "successful": 25_460, "erroneous": 40}
    assert document["members"]["delivered"] == document["members"]["total"] == 25_500
    assert document["chunks"]["delivered"] == document["chunks"]["total"] == 26
    assert ledger["requests"] == ledger["accepted"] == 26
    assert ledger["members"] == 25_500
    assert (ledger["devices"], ledger["unreachable"]) == (25_460, 40)
    assert (ledger["twice"], ledger["max"]) == (0, 1)


def test_a_campaign_of_25500_members_reaches_everybody_once(
    house: Program, push_api: PushApi
) -> None:
    audience = csv_of(house, "members.csv", tokens_with_unreachable("file", 25_500, 40))

    campaign = house.send(audience, "--tag", "winback")

    # A longer audience array would have been refused, with code 27.
    house.until(campaign, "completed")
    check_everybody_once(house.show(campaign), push_api.ledger())
    assert {request["verdict"] for request in push_api.requests()} == {"accepted"}


def test_application_code_hands_over_a_generator_and_leaves(
    house: Program, push_api: PushApi
) -> None:
    lines = "\n".join(tokens_with_unreachable("code", 25_500, 40))
    application = [house.file("application.py", APPLICATION), house.file("members.txt", lines)]

    said = subprocess.run(
        [sys.executable, *application],
        env=house.environment,
        cwd=house.directory,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    campaign_id, total, state = said.split()
    assert total == "25500"
    assert state in ("running", "completed")
    check_everybody_once(house.until({"id": campaign_id}, "completed"), push_api.ledger())


def test_a_message_for_several_platforms_reaches_the_users_of_each(
    house: Program, push_api: PushApi
) -> None:
    message = {
        "ios": {"payload": {"text": "Hello"}, "options": {"priority": "high"}},
        "android": {"payload": {"title": "Hello", "color": "#FF8800"}},
        "win": {"toast": {"title": "Hello", "text": "there"}},
        "uwp": {"toast": {"scenario": "reminder", "title": "Hello"}},
    }
    members: list[dict[str, Any]] = [
        {"idfa": "an-ios-device", "userId": "anna"},
        {"androidId": "an-android", "devtodevId": 77},
        {"serialId": "a-windows-machine"},
        {"token": "any"},
    ]
    audience = house.file("mixed.jsonl", "\n".join(map(json.dumps, members)))

    campaign = house.send(audience, message=message)

    assert campaign["platforms"] == ["ios", "android", "win", "uwp"]
    assert house.until(campaign, "completed")["members"]["delivered"] == 4
    assert push_api.pushes(*members) == [1, 1, 1, 1]


def in_jsonl(house: Program, name: str, rows: list[str]) -> str:
    return house.file(name, "".join(json.dumps({"token": row}) + "\n" for row in rows))


def in_gzip(house: Program, name: str, rows: list[str]) -> str:
    return house.file(name, gzip.compress("\n".join(["token", *rows]).encode()))


def in_duckdb(house: Program, name: str, rows: list[str]) -> str:
    """What DuckDB writes by the name's ending."""
    path = house.directory / name
    form = "parquet" if name.endswith(".parquet") else "csv, header, compression zstd"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT unnest(?) AS token) TO '{path}' (FORMAT {form})", [rows])
    return name


FORMS: dict[str, Callable[[Program, str, list[str]], str]] = {
    "members.csv": csv_of,
    "members.jsonl": in_jsonl,
    "members.csv.gz": in_gzip,
    "members.csv.zst": in_duckdb,
    "members.parquet": in_duckdb,
}


def test_an_audience_in_any_form_arrives(house: Program, push_api: PushApi) -> None:
    audiences = {name: reachable_tokens(name, 1_500) for name in FORMS}

    campaigns = [
        house.send(FORMS[name](house, name, members)) for name, members in audiences.items()
    ]

    for campaign in campaigns:
        house.until(campaign, "completed")
    for members in audiences.values():
        assert push_api.pushes(*({"token": token} for token in members)) == [1] * 1_500


def test_an_audience_on_standard_input_arrives(house: Program, push_api: PushApi) -> None:
    members = reachable_tokens("stdin", 1_500)
    lines = "".join(json.dumps({"token": token}) + "\n" for token in members)

    sent = house.run(*house.send_command("-", "--json"), given=lines.encode())

    house.until(sent.document, "completed")
    assert push_api.pushes(*({"token": token} for token in members)) == [1] * 1_500


def test_all_audiences_and_all_suppression_lists_count(house: Program, push_api: PushApi) -> None:
    members = reachable_tokens("several", 6)
    first = csv_of(house, "first.csv", members[:2])
    house.file("parts/part-1.csv", "token\n" + members[2])
    house.file("parts/_SUCCESS", "")
    gone = [csv_of(house, f"gone{token}.csv", [token]) for token in (members[0], members[3])]
    options = ["--audience", "parts", "--audience", "-", "--format", "csv"]
    options += ["--suppress", gone[0], "--suppress", gone[1], "--json"]
    given = "token\n" + "\n".join(members[3:])

    sent = house.run(*house.send_command(first, *options), given=given.encode())

    assert sent.stderr.endswith(
        "Left out of parts, as hidden files and markers are no parts: _SUCCESS.\n"
    )
    assert sent.document["input"] == {
        "read": 6,
        "invalid": 0,
        "duplicates": 0,
        "suppressed": 2,
        "excluded": 0,
        "absent": 0,
    }
    house.until(sent.document, "completed")
    assert push_api.pushes(*({"token": token} for token in members)) == [0, 1, 1, 0, 1, 1]


def test_the_answer_to_a_query_arrives(house: Program, push_api: PushApi) -> None:
    members = reachable_tokens("query", 3)
    rows = ", ".join(f"('{token}')" for token in members)
    query = f"SELECT token FROM (VALUES {rows}) AS player (token)"
    url = house.environment["DISPATCHER_DATABASE_URL"]
    arguments = ["send", house.send_command("unused")[1], "--app-id", "sandbox-app", "--json"]

    named = house.run(*arguments, "--audience-sql", query, "--audience-db", url)
    house.until(named.document, "completed")
    elsewhere = house.having(DISPATCHER_AUDIENCE_URL=url)
    house.until(elsewhere.run(*arguments, "--audience-sql", query).document, "completed")

    assert push_api.pushes(*({"token": token} for token in members)) == [2, 2, 2]


def test_an_audience_comes_through_a_pipe_of_the_shell(house: Program, push_api: PushApi) -> None:
    (token,) = reachable_tokens("pipe", 1)
    arguments = " ".join(house.send_command("<(echo token; echo $0)", "--format", "csv", "--json"))

    with house.start("bash", "-c", f"dispatcher {arguments}", token) as shell:
        document, _ = shell.communicate(timeout=60)

    house.until(json.loads(document), "completed")
    assert push_api.pushes({"token": token}) == [1]


def test_a_message_on_standard_input_arrives(house: Program, push_api: PushApi) -> None:
    audience = csv_of(house, "two.csv", reachable_tokens("two", 2))
    arguments = ["send", "-", "--app-id", "sandbox-app", "--audience", audience, "--json"]

    sent = house.run(*arguments, given=b'{"ios": {"payload": {"text": "From a pipe"}}}')

    house.until(sent.document, "completed")
    assert push_api.ledger()["devices"] == 2


def test_rows_that_repeat_or_are_invalid_are_left_out_and_reported(
    house: Program, push_api: PushApi
) -> None:
    good = reachable_tokens("skip", 3)
    rows = ["token,userId", *(f"{token}," for token in [*good, good[0]]), "NULL,", "one,two,three"]
    audience = house.file("some.csv", "\n".join(rows))

    campaign = house.send(audience, "--on-invalid", "skip", "--rejects", "rejects.csv")

    assert campaign["input"] == {
        "read": 6,
        "invalid": 2,
        "duplicates": 1,
        "suppressed": 0,
        "excluded": 0,
        "absent": 1,
    }
    assert (house.directory / "rejects.csv").read_text().splitlines() == [
        "line,reason,row",
        '6,has no identifier,"NULL,"',
        '7,has 3 cells where the header has 2,"one,two,three"',
    ]
    house.until(campaign, "completed")
    assert push_api.ledger()["members"] == 3


def test_whoever_is_suppressed_gets_nothing(house: Program, push_api: PushApi) -> None:
    one, two, three = reachable_tokens("suppress", 3)
    audience = house.file("all.csv", f"token,userId\n{one},a\n{two},b\n{three},c\n{three},c\n")
    gone = house.file(
        "gone.jsonl", json.dumps({"userId": "a"}) + "\n" + json.dumps({"token": three})
    )

    ran = house.run(*house.send_command(audience, "--suppress", gone))

    assert ran.stdout.endswith(
        ": 1 member in 1 chunk; left out: 1 repeated and 2 suppressed rows.\n"
    )
    campaign = house.show({"id": "last"})
    assert campaign["input"] == {
        "read": 4,
        "invalid": 0,
        "duplicates": 1,
        "suppressed": 2,
        "excluded": 0,
        "absent": 0,
    }
    house.until(campaign, "completed")
    assert push_api.ledger()["members"] == 1


def test_whoever_had_one_campaign_is_excluded_from_the_next(
    house: Program, push_api: PushApi
) -> None:
    one, two, three = reachable_tokens("exclude", 3)
    first = house.send(house.file("first.csv", f"token\n{one}\n{two}\n"))
    house.until(first, "completed")
    everybody = house.file("everybody.csv", f"token\n{one}\n{two}\n{three}\n")

    ran = house.run(*house.send_command(everybody, "--exclude", first["id"], "--not-within", "1h"))

    assert ran.stdout.endswith(": 1 member in 1 chunk; left out: 2 excluded rows.\n")
    house.until({"id": "last"}, "completed")
    assert push_api.ledger()["members"] == 3


def test_a_worker_works_in_threads(house_worker: Worker) -> None:
    assert "concurrency: 8 (thread)" in house_worker.said()
