"""Who is in which campaign: found in whatever audience is stored, and nobody by mistake."""

from pathlib import Path
from typing import Any

import pytest

from dispatcher.embedded.pair import pair_of
from tests.acceptance.program import APP, MESSAGE, Program
from tests.acceptance.refusals import Run, check_refused
from tests.traces import traces

TEXTS = {"variants": dict.fromkeys(("a", "b"), MESSAGE)}
HEX = "8D969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92"
UUID = "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"


def enqueued(program: Program, rows: list[dict[str, Any]], **options: Any) -> str:
    order: dict[str, Any] = {"app_id": APP, "message": MESSAGE, "audience": rows, **options}
    with program.books() as books:
        return books.enqueue(**order)


def found(program: Program, identifier: str) -> list[tuple[str, int]]:
    with program.books() as books:
        return [(str(each.campaign), each.chunk) for each in books.find(identifier)]


def test_somebody_is_found_in_every_campaign_and_chunk(program: Program) -> None:
    rows = [{"userId": f"user{number}"} for number in range(1_001)]
    first = enqueued(program, rows)
    second = enqueued(
        program,
        [{"userId": "user1000", "text": "b"}, {"userId": "user1", "text": "a"}],
        message=TEXTS,
        variant_column="text",
    )

    document = program.ask("find", "userId=user1000")

    assert [(each["campaign"], each["chunk"]) for each in document] == [(first, 2), (second, 1)]
    assert list(document[0]) == [
        "campaign",
        "chunk",
        "state",
        "variant",
        "created_at",
        "settled_at",
    ]
    assert [each["variant"] for each in document] == [None, "b"]
    assert {each["state"] for each in document} == {"pending"}
    page = program.run("find", "userId=user1000").stdout.splitlines()
    assert page[0].split() == ["CAMPAIGN", "CHUNK", "STATE", "VARIANT", "CREATED", "SETTLED"]
    assert len(page) == 3
    assert program.ask("find", "userId=user100") == [{**document[0], "chunk": 1}]
    assert program.ask("find", "userId=nobody") == []


@pytest.mark.parametrize(
    ("row", "same", "others"),
    [
        ({"userId": 'an"na\\ü/"'}, ['userId=an"na\\ü/"', ' userid = an"na\\ü/" '], ["userId=an"]),
        ({"userId": "Anna"}, ["userId=Anna"], ["userId=anna", "userId=nna", "idfv=Anna"]),
        ({"token": HEX}, [f"token={HEX}", f"token={HEX.upper()}", f"token={HEX.lower()}"], []),
        ({"idfa": UUID}, [f"idfa={UUID.lower()}", f"idfa={UUID}"], [f"idfv={UUID}"]),
        ({"devtodevId": 123}, ["devtodevId=123", "devtodevId=123.0"], ["devtodevId=12"]),
        ({"devtodevId": 123, "userId": "x"}, ["devtodevId=123", "userId=x"], ["userId=123"]),
    ],
)  # fmt: skip
def test_one_value_is_one_member_and_another_is_not(
    program: Program, row: dict[str, Any], same: list[str], others: list[str]
) -> None:
    campaign = enqueued(program, [{"userId": "somebody"}, row])
    for identifier in same:
        assert found(program, identifier) == [(campaign, 1)], identifier
    for identifier in others:
        assert found(program, identifier) == [], identifier


def test_a_value_that_looks_like_a_member_is_none(program: Program) -> None:
    enqueued(program, [{"userId": '","userId":"anna'}, {"userId": '{"userId":"anna"}'}])
    assert found(program, "userId=anna") == []


def test_who_is_looked_for_stands_in_no_log(program: Program, servers_home: Path) -> None:
    with program.database() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET log_statement = 'all'")
    enqueued(program, [{"userId": "maria.of.the.logs@example.org"}])
    assert len(found(program, "userId=maria.of.the.logs@example.org")) == 1
    log = pair_of(servers_home).postgresql.log.read_text(errors="replace")
    assert "looked_for" in log
    assert traces(log, "maria.of.the.logs@example.org", shortest=9) == []


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("anna", "does not say of which kind it is"),
        ("name=anna", "the kinds are token, "),
        ("userId=", "is nobody's"),
        ("devtodevId=1.5", "cannot be used: devtodevId"),
    ],
)
def test_who_cannot_be_anybody_is_refused(run: Run, identifier: str, words: str) -> None:
    check_refused(run("find", identifier), 2, (words,))
