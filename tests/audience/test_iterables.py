"""Any iterable of dicts: generators, cursors, data frames' records."""

from collections import UserDict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dispatcher.audience import prepare
from tests.audience.preparing import IOS_AND_ANDROID, outcome_of, refusal_of, rejects_of


def test_a_generator_is_read_once_and_in_order(scratch: Path) -> None:
    rows = ({"userId": f"u{i}", "devtodevId": i} for i in range(2500))
    outcome = outcome_of(rows, scratch)
    assert outcome.members == [{"userId": f"u{i}", "devtodevId": i} for i in range(2500)]
    assert [len(pack) for pack in outcome.packs] == [1000, 1000, 500]
    assert outcome.chunks == 3


def test_what_databases_and_data_frames_hand_over_is_understood(scratch: Path) -> None:
    token = UUID("0190fb2c-0000-7000-8000-000000000001")
    rows: list[Any] = [
        UserDict(token=token, userId=None),
        {"userId": "ann", "devtodevId": Decimal(7)},
        {"userId": "bob", "devtodevId": float("nan")},
        {"devtodevId": 8.0},
        {"devtodevId": 2**64 - 1},
    ]
    assert outcome_of(rows, scratch).members == [
        {"token": str(token)},
        {"userId": "ann", "devtodevId": 7},
        {"userId": "bob"},
        {"devtodevId": 8},
        {"devtodevId": 2**64 - 1},
    ]


def test_any_text_comes_back_as_it_was(scratch: Path) -> None:
    texts = [
        "é😀",
        'a"b\\c',
        "line\nbreak\r\tbreak",
        "a\u2028b",
        "\x7f",
        "\\u0000",
        "</script>",
        "a,b",
    ]
    members = outcome_of([{"userId": text} for text in texts], scratch).members
    assert [member["userId"] for member in members] == texts


def test_a_nul_that_postgresql_could_not_read_is_invalid(scratch: Path) -> None:
    rows = [{"token": "good"}, {"token": "a\0b"}, {"userId": "\\\0"}]
    assert [(line, reason) for line, reason, _ in rejects_of(rows, scratch)] == [
        (2, "token holds a NUL character"),
        (3, "userId holds a NUL character"),
    ]


def test_what_is_no_valid_row_is_named_with_its_number(scratch: Path) -> None:
    rows: list[Any] = [
        {"token": "good"},
        ["token", "x"],
        None,
        "token",
        {},
        {"userId": 1.5},
        {"userId": b"\xff"},
        {"userId": "half \ud83d"},
        {"devtodevId": 2**64},
        {"devtodevId": Decimal("1.5")},
        {5: "x"},
    ]
    assert [(line, reason) for line, reason, _ in rejects_of(rows, scratch)] == [
        (2, "is not a dict but a list"),
        (3, "is not a dict but a NoneType"),
        (4, "is not a dict but a str"),
        (5, "has no identifier (an advertising id of zeros is none)"),
        (6, "userId is a float that is no plain whole number: export as integer or text"),
        (7, "cannot be read at 'userId': it holds bytes that are not UTF-8: export it as text"),
        (8, "cannot be read at 'userId': str is not valid UTF-8: surrogates not allowed"),
        (9, "devtodevId must be a whole number of at most 64 bits"),
        (10, "cannot be read at 'devtodevId': a Decimal is neither a text nor a number"),
        (11, "cannot be read at 5: Dict key must be str"),
    ]
    text = refusal_of(rows, scratch)
    assert text.startswith("The audience given has 10 invalid rows, so nothing is sent: ")
    assert "\n  row 2 is not a dict but a list\n" in text


def test_an_unknown_key_is_bad_input(scratch: Path) -> None:
    assert refusal_of([{"token": "a"}, {"idfa": "b"}], scratch, ["win"]) == (
        "The audience given has a key that no platform of the message knows: idfa (row 2); known "
        "are token, advertisingId, serialId, userId, devtodevId. Say what it is "
        "(--column NAME=identifier), or leave it out (--ignore-columns)."
    )


def test_no_rows_are_refused(scratch: Path) -> None:
    assert refusal_of([], scratch) == "The audience given is empty: it holds no row."


def test_what_a_generator_raises_goes_through(scratch: Path) -> None:
    class CursorLost(Exception):
        pass

    def rows() -> Iterator[dict[str, object]]:
        yield {"token": "a"}
        raise CursorLost

    with pytest.raises(CursorLost), prepare(rows(), IOS_AND_ANDROID, scratch=scratch):
        pytest.fail("the audience is not whole")


@pytest.mark.parametrize("source", [{"token": "a"}, b"users.csv", 5, None])
def test_what_is_no_audience_at_all_is_refused(scratch: Path, source: Any) -> None:
    assert refusal_of(source, scratch) == (
        f"The audience must be a path or an iterable of dicts, not a {type(source).__name__}."
    )


def test_a_dict_too_long_to_be_a_row_costs_that_one_alone(scratch: Path) -> None:
    rows = [{"token": "a"}, {"token": "x" * 100_000}, {"token": "b"}]
    assert [(line, reason) for line, reason, _ in rejects_of(rows, scratch)] == [
        (2, "is longer than 65,536 bytes")
    ]
