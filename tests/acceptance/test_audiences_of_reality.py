"""Audiences as tools write them, from the command line to the books."""

import json

from tests.acceptance.program import Program

LATER = ("--at", "2099-01-01T00:00Z")


def test_what_was_read_otherwise_is_told_and_counted(program: Program) -> None:
    audience = program.file("users.csv", "USER_ID;token\r\nanna ;NULL\r\nboris;\\N\r\ncarl;abc\r\n")

    sent = program.run(*program.send_command(audience, *LATER, "--json"))

    assert sent.status == 0
    assert sent.document["members"]["total"] == 3
    assert sent.document["input"]["absent"] == 2
    assert sent.stderr.splitlines() == [
        "The column 'USER_ID' is read as userId.",
        "2 cells count as absent: NULL (1), \\N (1).",
        "1 value is trimmed of blanks: userId (1).",
    ]
    page = program.run("show", "last").stdout
    assert "of 3 rows read: 0 repeated, 0 invalid; 2 cells absent" in page


def test_columns_and_words_are_as_one_says(program: Program) -> None:
    rows = '"customer, id",mail,age\nanna,a@b,5\nn.v.,c@d,6\nNULL,e@f,7\n'
    audience = program.file("crm.csv", rows)
    options = ["--column", "customer, id=user_id", "--absent", "n.v.", *LATER]

    refused = program.run(*program.send_command(audience, *options))
    assert (refused.status, refused.stdout) == (2, "")
    assert "has the column 'mail', which no platform" in refused.stderr
    assert "(--ignore-columns)" in refused.stderr

    options += ["--on-invalid", "skip", "--json"]
    for left_out in ("mail,age", "all"):
        sent = program.run(*program.send_command(audience, *options, "--ignore-columns", left_out))
        assert sent.document["input"] == {
            "read": 3,
            "invalid": 1,
            "duplicates": 0,
            "suppressed": 0,
            "excluded": 0,
            "absent": 1,
        }
        assert "The column" in sent.stderr or "These columns are left out: 'mail', 'age'." in (
            sent.stderr
        )


def test_options_that_cannot_be_followed_end_with_status_2(program: Program) -> None:
    audience = program.file("users.csv", "who\nanna\n")
    named = ("--column", "who=userId")
    for options, said in (
        (["--column", "who"], "--column 'who' is no NAME=IDENTIFIER"),
        (["--column", "who=name"], "The column 'who' cannot be 'name': known are token, "),
        ([*named, "--column", "who=token"], "says two things of 'who'"),
        (
            [*named, "--column", "Who=token"],
            "no column 'Who' to be named (--column): found were 'who'.",
        ),
        (["--absent", ""], "absent holds ''"),
    ):
        refused = program.run(*program.send_command(audience, *options))
        assert (refused.status, refused.stdout) == (2, "")
        assert said in refused.stderr


def test_a_key_stands_for_the_members_in_whatever_form_they_come(program: Program) -> None:
    forms = [
        program.file("a.csv", "idfa,devtodevId\nAAAAAAAA-1111-4222-8333-444444444444,7\n"),
        program.file("b.csv", "DEVTODEV_ID;idfa\n7.0;aaaaaaaa-1111-4222-8333-444444444444 \n"),
        program.file(
            "c.jsonl",
            json.dumps({"devtodevId": "7", "idfa": "AAAAAAAA-1111-4222-8333-444444444444"}),
        ),
    ]
    ids = {
        program.run(*program.send_command(form, "--key", "winback", *LATER, "--json")).document[
            "id"
        ]
        for form in forms
    }
    assert len(ids) == 1

    other = program.file("d.csv", "devtodevId\n8\n")
    refused = program.run(*program.send_command(other, "--key", "winback", *LATER))
    assert refused.status == 2
    assert "The key 'winback' already stands for campaign" in refused.stderr


def test_a_key_of_before_there_were_salts_stands_for_the_same(program: Program) -> None:
    """Its digest was that of the exclusive or of the members' MD5s."""
    audience = program.file("a.csv", "token,userId\nt,anna\n,boris\n")
    send = program.send_command(audience, "--key", "old", *LATER, "--json")
    first = program.run(*send).document["id"]
    with program.books() as books, books._connections.engine.begin() as connection:
        salted = connection.exec_driver_sql("SELECT content_digest FROM campaign").scalar_one()
        assert salted.startswith("2.")
        connection.exec_driver_sql(
            "UPDATE campaign SET content_digest = %s", (former_digest(program),)
        )

    assert program.run(*send).document["id"] == first
    program.file("a.csv", "token,userId\nt,anna\n,carl\n")
    assert program.run(*send).status == 2


def former_digest(program: Program) -> str:
    """What was stored for that audience."""
    import hashlib

    keys = [b'{"token":"t"}', b'{"userId":"boris"}']
    members = 0
    for key in keys:
        members ^= int.from_bytes(hashlib.md5(key).digest(), "little")
    with program.books() as books, books._connections.engine.connect() as connection:
        message = connection.exec_driver_sql("SELECT message FROM campaign").scalar_one()
    canonical = json.dumps(
        json.loads(message), ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )
    content = ["sandbox-app", canonical, None, "default", f"{members:032x}"]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
