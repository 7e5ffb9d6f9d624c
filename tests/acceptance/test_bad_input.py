"""What a person gets wrong: one sentence that names the place and the remedy, and nothing is left.

The commands run inside the test's process here: a hundred starts of Python would take minutes.
"""

from pathlib import Path

import pytest

from tests.acceptance.program import Program
from tests.acceptance.refusals import SEND, Run, check_nothing_left, check_refused

MESSAGES: list[tuple[str, str | bytes | None, tuple[str, ...]]] = [
    ("no file", None, ("message.json cannot be read", "No such file")),
    ("not JSON", '{"ios": ', ("message.json is not JSON", "line 1, column 9")),
    ("not UTF-8", b'{"ios":\n "\xff"}', ("message.json is not UTF-8 at line 2", "save it")),
    ("empty", "", ("message.json is not JSON",)),
    ("no platform", "{}", ("has no platform", "ios, android, win and uwp")),
    ("unknown platform", '{"iphone": {}}', ("'iphone' is no platform", "ios, android")),
    ("an array", "[]", ("must be an object of platforms, not an array",)),
    ("a wrong type", '{"ios": {"payload": {"text": 5}}}', ("ios.payload.text must be a text",)),
    ("no payload", '{"ios": {}}', ("ios.payload is missing",)),
    ("two UWP forms", '{"uwp": {"toast": {}, "raw": {}}}', ("exactly one of", "toast and raw")),
    ("no UWP form", '{"uwp": {}}', ("exactly one of toast, raw, tile and badge",)),
    ("a wrong choice", '{"uwp": {"toast": {"scenario": "x"}}}', ("uwp.toast.scenario", "alarm")),
    ("a wrong color", '{"android": {"payload": {"color": "red"}}}', ("#FF8800",)),
    ("a key twice", '{"ios": {"payload": {}, "payload": {}}}', ("'payload' twice",)),
]


@pytest.mark.parametrize(
    ("content", "words"), [case[1:] for case in MESSAGES], ids=[case[0] for case in MESSAGES]
)
def test_a_wrong_message(
    run: Run, empty_books: Program, content: str | bytes | None, words: tuple[str, ...]
) -> None:
    if content is not None:
        Path("message.json").write_bytes(content.encode() if isinstance(content, str) else content)

    check_refused(run("send", "message.json", *SEND[2:]), 2, words)
    check_nothing_left(empty_books)


AUDIENCES: list[tuple[str, str, str | bytes | None, tuple[str, ...]]] = [
    ("no file", "a.csv", None, ("a.csv does not exist",)),
    ("an unknown ending", "a.txt", "x", ("a.txt", ".csv, .jsonl, .ndjson, .parquet")),
    ("empty", "a.csv", "", ("a.csv has no header", "first line must name the columns")),
    ("no row", "a.csv", "token\n", ("a.csv is empty",)),
    ("no row in JSON", "a.jsonl", "", ("a.jsonl is empty",)),
    ("an unknown column", "a.csv", "token,email\na,b\n", ("'email'", "token, idfa")),
    ("another platform's column", "a.csv", "androidId\na\n", ("'androidId'", "token, idfa")),
    ("an unknown key", "a.jsonl", '{"token":"a"}\n{"mail":"b"}\n', ("mail (line 2)", "idfa")),
    ("no identifier", "a.csv", "token,userId\na,b\n-,\n", ("1 invalid row", "line 3 has no id")),
    ("only zeros", "a.csv", "idfa\n00000000-0000\n", ("line 2 has no identifier", "of zeros")),
    ("a broken line", "a.jsonl", '{"token":"a"}\n{"token":\n', ("line 2 is not JSON", "skip")),
    ("not an object", "a.jsonl", '["a"]\n', ("line 1 is not a JSON object",)),
    ("a wrong type", "a.jsonl", '{"token": [5]}\n', ("line 1 token must be a text, not an array",)),
    ("a wrong number", "a.csv", "devtodevId\nfive\n", ("line 2 devtodevId must be a whole",)),
    ("not UTF-8", "a.csv", b"token\na\n\xff\n", ("line 3 is not UTF-8", "--on-invalid skip")),
    ("a short row", "a.csv", "token,userId\na,b\nc\n", ("line 3 has 1 cell", "header has 2")),
    ("an unclosed quote", "a.csv", 'token\na\n"b\nc\n', ("line 3 has a quote",)),
    (
        "a damaged archive",
        "a.csv.gz",
        b"\x1f\x8b\x08",
        ("a.csv.gz cannot be unpacked", "make it again"),
    ),
    ("no archive", "a.csv.gz", "token\n", ("it is CSV, not gzip", "call it a.csv")),
    ("no Parquet", "a.parquet", "token\n", ("it is CSV, not Parquet", "call it a.csv")),
    ("an array", "a.jsonl", "[\n{}\n]\n", ("it is one JSON array", "jq -c '.[]'")),
    ("no form", "a.txt", "token\n", ("a.txt has an ending that says nothing", "--format")),
]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [case[1:] for case in AUDIENCES],
    ids=[case[0] for case in AUDIENCES],
)
def test_a_wrong_audience(
    run: Run, empty_books: Program, name: str, content: str | bytes | None, words: tuple[str, ...]
) -> None:
    if content is not None:
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)

    check_refused(run(*SEND[:-1], name), 2, words)
    check_nothing_left(empty_books)


def test_many_invalid_rows_are_told_ten_at_a_time(run: Run) -> None:
    Path("a.csv").write_text("token,userId\n" + "a,b,c\n" * 1_012)

    ran = run(*SEND[:-1], "a.csv")

    check_refused(ran, 2, ("1,012 invalid rows", "and 1,002 more"))
    assert len([line for line in ran.stderr.splitlines() if " line " in line]) == 10


OPTIONS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("--rate", "fast"), ("'fast' is not a number of requests a second",)),
    (("--rate", "0"), ("rate is 0", "0.001")),
    (("--rate=-1",), ("rate is -1",)),
    (("--rate", "nan"), ("rate is nan",)),
    (("--at", "tomorrow"), ("--at 'tomorrow' is no moment", "2026-11-24T10:00+01:00")),
    (("--at", "2027-11-24T10:00"), ("--at", "has no time zone", "+01:00", "--zone-column")),
    (("--at", "2020-01-01T00:00Z"), ("send_at is 2020", "has passed", "leave it out")),
    (("--expires", "2020-01-01T00:00Z"), ("expires_at is 2020", "has passed")),
    (("--expires", "2099-01-01"), ("--expires", "has no time zone")),
    (("--at", "2099-01-02T00:00Z", "--expires", "2099-01-01T00:00Z"), ("not after send_at",)),
    (("--window", "mon-fri 09:00-21:00"), ("has no time zone", "Europe/Berlin")),
    (("--window", "mon-fri 09:00-21:00 Europe/Berlim"), ("has no time zone 'Europe/Berlim'",)),
    (
        (
            "--window",
            "mon 10:00-11:00 UTC",
            "--at",
            "2098-12-30T12:00Z",
            "--expires",
            "2098-12-31T00:00Z",
        ),
        ("opens at 2099-01-05T10:00+00:00", "expires at 2098-12-31", "nothing could be sent"),
    ),
    (("--canary", "1"), ("A canary (--canary) has to keep a bound on errors", "10%")),
    (("--canary", "none", "--max-error-rate", "10%"), ("canary (--canary) is 'none'", "1%")),
    (("--canary", "0", "--max-error-rate", "10%"), ("canary (--canary) is '0'", "2000")),
    (("--canary", "100%", "--max-error-rate", "10%"), ("canary (--canary) is '100%'",)),
    (("--canary", "2", "--max-error-rate", "10%"), ("A canary of 2 leaves nobody", "give fewer")),
    (("--max-error-rate", "10"), ("max_error_rate (--max-error-rate) is '10'", "10%, or as 0.1")),
    (("--max-error-rate", "0%"), ("is 0%", "between 0.01% and 99%")),
    (("--max-error-rate", "100%"), ("is 100%", "between 0.01% and 99%")),
    (("--max-error-rate", "nan"), ("is 'nan'",)),
    (("--finish-by", "2099-01-01T00:00"), ("--finish-by", "has no time zone")),
    (("--finish-by", "2020-01-01T00:00Z"), ("cannot end by 2020", "the earliest time is 20")),
    (
        ("--at", "2099-01-02T00:00Z", "--finish-by", "2099-01-01T00:00Z"),
        ("finish_by is not after send_at",),
    ),
    (
        ("--expires", "2099-01-01T00:00Z", "--finish-by", "2099-01-02T00:00Z"),
        ("finish_by is after expires_at",),
    ),
    (("--at", "9999-12-31T23:59:59-12:00"), ("send_at is in the year 9999", "from 1970 to 2199")),
    (("--finish-by", "9999-12-31T23:59:59Z"), ("finish_by is in the year 9999",)),
    (("--on-invalid", "maybe"), ("neither fail nor skip",)),
    (("--rejects", "missing/rejects.csv"), ("missing/rejects.csv", "directory is missing")),
    (("--rejects", "."), ("it is a directory",)),
    (("--format", "xml"), ("'xml' is none of csv, jsonl, parquet",)),
    (("--audience", "-", "--audience", "-"), ("standard input twice",)),
    (("--audience", "missing.csv"), ("missing.csv does not exist",)),
    (("--audience", "/dev/zero", "--format", "csv"), ("/dev/zero is a device",)),
    (("--audience-sql", "SELECT 1"), ("no database", "DISPATCHER_AUDIENCE_URL")),
    (("--audience-sql", "SELEC", "--audience-db", "sqlite://"), ("query is refused", "SELEC")),
    (("--audience-sql", "SELECT 1", "--audience-db", "mysql://u:hush@h"), ("mysqlclient",)),
    (("--app-id", ""), ("app_id must be a text that is not empty",)),
    (("--key", " "), ("key must be a text that is not empty",)),
    (("--tag", "two\nlines"), ("campaign_tag must be one line",)),
]


@pytest.mark.parametrize(("options", "words"), OPTIONS, ids=["=".join(o) for o, _ in OPTIONS])
def test_a_wrong_option(
    run: Run, empty_books: Program, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    check_refused(run(*SEND, *options), 2, words)
    check_nothing_left(empty_books)


def test_audience_and_suppression_list_cannot_share_standard_input(run: Run) -> None:
    ran = run(*SEND[:-1], "-", "--suppress", "-")

    check_refused(ran, 2, ("Audience and suppress cannot both come from standard input",))


def test_a_second_suppression_list_is_checked_as_the_first_is(
    run: Run, empty_books: Program
) -> None:
    Path("first.csv").write_text("token\na\n")
    Path("second.csv").write_text("mail\na\n")

    ran = run(*SEND, "--suppress", "first.csv", "--suppress", "second.csv")

    check_refused(ran, 2, ("The suppression list second.csv has the column 'mail'",))
    check_nothing_left(empty_books)


def test_a_wrong_suppression_list(run: Run, empty_books: Program) -> None:
    Path("users.csv").write_text("token\na\n")
    Path("gone.csv").write_text("lang\na\n")

    ran = run(*SEND[:-1], "users.csv", "--suppress", "gone.csv")

    check_refused(ran, 2, ("The suppression list gone.csv has the column 'lang'",))
    assert "--variant-column" not in ran.stderr  # which is no remedy here
    check_nothing_left(empty_books)
