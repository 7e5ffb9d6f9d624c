"""What is kept of the vendor's words, and what of those never."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.lifecycle import DOCUMENTED, Reason, words_of
from dispatcher.settings import Secret
from sandbox.codes import CODES
from tests.traces import traces
from tests.workers.conftest import TOKEN
from workers.envelope import Envelope
from workers.wording import Wording

MESSAGE = '{"ios":{"payload":{"text":"Hello","colour":"red"}}}'
ENVELOPE = Envelope.of(Secret(TOKEN), "app", None, MESSAGE)
MEMBERS: list[dict[str, Any]] = [
    {"token": "A1B2C3D4E5F60718293A4B5C6D7E8F90"},
    {"userId": "anna"},
    {"userId": "jörg müller", "devtodevId": 4711},
]


def wording(members: list[dict[str, Any]] = MEMBERS) -> Wording:
    return Wording(ENVELOPE, lambda: ENVELOPE.body("p-1", json.dumps(members)))


def told(message: str, code: int = 28) -> Reason:
    return wording().reason(Reason(message, 400, code))


@pytest.mark.parametrize(
    ("code", "message", "kept", "logged"),
    [
        (29, "Unexpected field ios.payload.colour", None, "Unexpected field ios.payload.colour"),
        (4, "Field not found: app_id", None, "Field not found app_id"),
        (
            28,
            "Unexpected value for field audience[2].userId. Received value: 5. Expected values: a.",
            "Unexpected value for field audience[2].userId. Received value: (hidden). Expected "
            "values: a.",
            "Unexpected value for field audience[2].userId",
        ),
        (99, "A new rule of ours", None, "An error that the vendor does not document"),
        (33, f"{DOCUMENTED[33]}.", None, DOCUMENTED[33]),
        (6, "Invalid app id another-app", None, "Invalid app id"),
    ],
)
def test_what_quotes_nobody_is_kept_and_a_log_says_it_without_values(
    code: int, message: str, kept: str | None, logged: str
) -> None:
    reason = told(message, code)
    assert (reason.message, reason.words) == (kept or message, logged)


QUOTED = [
    "anna",
    "ANNA",
    '"anna"',
    "%61nna",
    "4711",
    "a1b2c3d4e5f60718293a4b5c6d7e8f90",
    "A1B2C3D4...",
    "...6D7E8F90",
    "JÖRG MÜLLER",
    "j\\u00f6rg m\\u00fcller",
    "j%C3%B6rg+m%C3%BCller",
    "j&ouml;rg m&uuml;ller",
]


@pytest.mark.parametrize("quoted", QUOTED)
@pytest.mark.parametrize("code", [1, 28, 29, 30, 33, 99])
def test_a_message_that_quotes_a_member_in_any_spelling_is_not_kept(code: int, quoted: str) -> None:
    for message in (
        f"What is {quoted}?",
        f"Unexpected field {quoted}",
        f"x ({quoted}). Expected x",
    ):
        reason = told(message, code)
        assert reason.message == reason.words == words_of(code)


@given(st.text(max_size=30), st.sampled_from(QUOTED))
def test_a_received_value_is_hidden_whatever_it_is(value: str, quoted: str) -> None:
    said = f"Invalid value for field a. Received value: {value}. Expected {quoted}. Expected: text"
    assert told(said, 30).message == (
        "Invalid value for field a. Received value: (hidden). Expected: text"
    )


@pytest.mark.parametrize(
    "spelt", [TOKEN.upper(), TOKEN[:7] + "...", "..." + TOKEN[5:], TOKEN.replace("-", "%2D")]
)
def test_the_token_is_hidden_in_any_case_and_where_it_is_cut(spelt: str) -> None:
    reason = told(f"Authorization error. Wrong user token {spelt}", 11)
    assert traces(reason.message, TOKEN) == []
    assert reason.message.startswith("Authorization error. Wrong user token ")


CULPRITS = [
    ('field audience[1].userId. Received value: "anna". Expected: a text', 1),
    ("field audience[9].userId. Received value: anna", 1),
    ("field audience.userId. Received value: anna.", 1),
    ('field audience. Received: {"userId": "anna"}. Expected: x', 1),
    ("field userId: 'anna' is not one", 1),
    ("field audience. Received value: j%C3%B6rg+m%C3%BCller. Expected: x", 2),
    ('field audience.userId. Received value: "j\\u00f6rg m\\u00fcller"', 2),
    ("field audience[0].devtodevId. Received value: 4711. Expected: x", 2),
    # Nobody has the value, or has it in this field, or it is cut; several have it; it is no user's.
    ("field audience[1].userId. Received value: (a user)", None),
    ("field audience[1].userId. Received value: ann...", None),
    ("field audience[1].userId. Received value: 4711", None),
    ("field audience[1].userId. Received value: true", None),
    ("field audience. Received value: both. Expected: x", None),
    ("field audience[4].userId. Received value: both. Expected: x", 4),
    ("field ios.payload.badge. Received value: 4711", None),
]


@pytest.mark.parametrize(("said", "culprit"), CULPRITS)
@pytest.mark.parametrize(("code", "known"), [(28, True), (30, True), (4, False), (29, False)])
def test_whom_a_refusal_of_a_value_quotes_is_found_among_the_members(
    said: str, culprit: int | None, code: int, known: bool
) -> None:
    both = {"userId": "both"}
    members = [*MEMBERS, both, both | {"devtodevId": 1}]
    reason = wording(members).reason(Reason(f"Invalid value for {said}", 400, code))
    assert reason.culprit == (culprit if known else None)
    assert "anna" not in reason.message + reason.words


@pytest.mark.parametrize(
    "value",
    ["\ud800", "%ff\ud800", "[" * 3_000, "9" * 3_000, "a" + " " * 100_000 + "b", "'" * 9_999],
)
@pytest.mark.parametrize("before", ["Received value: ", ""])
def test_whatever_is_quoted_nobody_is_found_by_it_and_nothing_is_raised(
    before: str, value: str
) -> None:
    reason = told(f"Invalid value for field audience.userId. {before}{value}")
    assert (reason.place, reason.culprit) == ("audience.userId", None)


def test_of_details_the_places_are_kept_and_what_is_said_of_nobody_else() -> None:
    details = [
        {"identifier": MEMBERS[0], "platform": "ios", "error": "BadDeviceToken"},
        {"userId": "anna", "error": "anna is gone", "code": 7},
        {"devtodevId": 4711, "error": f"{TOKEN} was used"},
        {"userId": "somebody else", "error": "x"},
        {"userId": "anna", "error": "again"},
    ]
    kept = json.loads(wording().details(details))
    assert kept == [[0, "ios, BadDeviceToken"], [1, ""], [2, "*** was used"]]


@pytest.mark.parametrize("details", [None, [], {}, 7, "bad", [[]], [None], {"a": 1}])
def test_details_that_name_nobody_are_none(details: object) -> None:
    assert wording().details(details) == "[]"


@pytest.mark.parametrize("request_body", [b"", b"[]", b"{", b'{"audience": []}'])
def test_a_request_that_cannot_be_read_does_no_harm(request_body: bytes) -> None:
    reason = Wording(ENVELOPE, lambda: request_body).reason(Reason("No", 400, 4))
    assert (reason.message, reason.words) == ("No", "Field not found")


def test_every_documented_code_has_words_that_begin_as_the_vendors_do() -> None:
    assert DOCUMENTED.keys() == CODES.keys()
    for code, (_, form) in CODES.items():
        assert form.partition("{")[0].strip(" .:").startswith(DOCUMENTED[code][:20])
