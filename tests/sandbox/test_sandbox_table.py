"""The vendor's table of errors, row by row, over HTTP; its words as the vendor's page has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.sandbox.process import APP, TOKEN, Sandbox, push


@dataclass(frozen=True)
class Row:
    """A row of the table, and a request that deserves it."""

    status: int
    code: int
    msg: str
    body: Any = field(default_factory=push)
    faults: tuple[str, ...] = ()
    condition: int | None = None
    before: Any = None


ABSENT = (
    "The requested users have not been found, or there have been no push-token received from them."
)
TABLE = [
    Row(500, 1, "Unknown Error", faults=("error_500_before",)),
    Row(400, 2, "Request body is empty", b""),
    Row(400, 3, "Malformed json", b'{"user_token": '),
    Row(400, 4, "Field not found: app_id", push(app_id=None)),
    Row(400, 4, "Field not found: audience", push(audience=None)),
    Row(400, 4, "Field not found: ios, android, win, uwp", push(ios=None)),
    Row(400, 6, "Invalid app id nowhere", push(app_id="nowhere")),
    Row(401, 11, "Authorization error. Wrong user token stolen", push(user_token="stolen")),
    Row(401, 12, "Authorization error. User_token is not set.", push(user_token=None)),
    Row(403, 13, f"Access denied. You have no access to the app {APP}", condition=13),
    # The vendor's report files are another endpoint's; here the code can only be pretended.
    Row(
        403,
        14,
        "Access denied. You have no access to the report file report",
        faults=("code_14",),
    ),
    Row(403, 15, "Access denied. You have no access to API.", condition=15),
    Row(403, 23, "Access denied. You have no access to Push API.", condition=23),
    Row(400, 24, "Push service is not enabled in an application settings.", condition=24),
    Row(
        400,
        25,
        "The devtodev SDK is not integrated with the application you specified",
        condition=25,
    ),
    Row(
        400,
        26,
        "No push token has been received from the devtodev SDK integrated with the app you "
        "specified. Please make sure the SDK is integrated correctly.",
        condition=26,
    ),
    Row(
        400,
        27,
        "The audience array should not contain more than 1000 elements.",
        push(audience=[{"token": str(n)} for n in range(1001)]),
    ),
    Row(
        400,
        28,
        'Unexpected value for field ios.options.priority. Received value: "urgent". Expected '
        "values: normal, high.",
        push(ios={"payload": {"text": "Hello"}, "options": {"priority": "urgent"}}),
    ),
    Row(400, 29, "Unexpected field colour", push(colour="red")),
    Row(
        400,
        30,
        "Invalid value for field campaign_tag. Received value: 7. Expected: a string",
        push(campaign_tag=7),
    ),
    Row(
        400,
        31,
        "Notification payload size limit exceeded.",
        push(ios={"payload": {"text": "x" * 4096}}),
    ),
    Row(
        400,
        32,
        "The sending was blocked. The request with the twice identifier has already been sent "
        "during previous 10 minutes.",
        push(pack_id="twice"),
        before=push(pack_id="twice"),
    ),
    Row(400, 33, ABSENT, push(audience=[{"androidId": "not for ios"}])),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.code}-{row.msg[:32]}")
def test_a_row_of_the_vendors_table(sandbox: Sandbox, row: Row) -> None:
    if row.before is not None:
        assert sandbox.send(row.before).status_code == 200
    sandbox.become(conditions=[row.condition] if row.condition else [])
    sandbox.next(*row.faults)

    reply = sandbox.send(row.body)

    assert reply.status_code == row.status
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json() == {
        "status_code": row.status,
        "errors": [{"code": row.code, "msg": row.msg}],
    }


def test_the_table_is_whole() -> None:
    documented = {1, 2, 3, 4, 6, *range(11, 16), *range(23, 34)}
    assert {row.code for row in TABLE} == documented


def test_an_accepted_push_is_answered_with_the_vendors_three_numbers(sandbox: Sandbox) -> None:
    reply = sandbox.send(push(audience=[{"token": "anna"}, {"idfa": "ben"}]))

    assert reply.status_code == 200
    assert reply.json() == {
        "status_code": 200,
        "data": {
            "status": "complete",
            "result": {"audience": 2, "successful": 2, "erroneous": 0, "error_details": []},
        },
    }


def test_a_thousand_members_are_not_too_many(sandbox: Sandbox) -> None:
    reply = sandbox.send(push(audience=[{"token": f"of-1000-{n}"} for n in range(1000)]))

    assert reply.json()["data"]["result"]["audience"] == 1000


def test_the_token_may_stand_in_the_query(sandbox: Sandbox) -> None:
    assert sandbox.code(push(user_token=None), user_token=TOKEN) == 200


def test_the_querys_token_comes_before_the_bodys(sandbox: Sandbox) -> None:
    assert sandbox.code(push(), user_token="stolen") == 11


def test_a_condition_holds_until_it_is_lifted(sandbox: Sandbox) -> None:
    sandbox.become(conditions=[24])
    assert [sandbox.code(push()), sandbox.code(push())] == [24, 24]

    sandbox.become(conditions=[])
    assert sandbox.code(push()) == 200
