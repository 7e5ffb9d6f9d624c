"""JSON Lines, from a file, standard input or a stream."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.outputs import harmless
from tests.audience.preparing import outcome_of, read_rejects, refusal_of, rejects_of, written

KNOWN = "token, idfa, idfv, advertisingId, androidId, serialId, userId, devtodevId"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.jsonl"


def test_members_come_in_the_files_order_without_nulls(file: Path, scratch: Path) -> None:
    written(file, '{"userId":"ann","token":null,"devtodevId":7}\n\n{"token":"t","userId":""}')
    outcome = outcome_of(file, scratch)
    assert outcome.members == [{"userId": "ann", "devtodevId": 7}, {"token": "t"}]


@pytest.mark.parametrize("ending", [".jsonl", ".ndjson", ".JSONL"])
def test_a_mark_and_carriage_returns_make_no_difference(
    tmp_path: Path, scratch: Path, ending: str
) -> None:
    file = written(
        tmp_path / f"users{ending}", b'\xef\xbb\xbf{"token":"a"}\r\n  \r\n{"token":"b"}\r\n'
    )
    assert outcome_of(file, scratch).members == [{"token": "a"}, {"token": "b"}]


FAULTY = rb"""{"token":"good"}

broken
[1]
"text"
null
{"userId":12.5}
{"userId":true,"token":"x"}
{"token":{"a":1}}
{"idfa":["x"]}
{"devtodevId":"7x"}
{"devtodevId":1.5}
{"devtodevId":18446744073709551616}
{"devtodevId":false}
{"userId":null,"idfa":"0000-0000"}
{}
{"token":"a","token":"b"}
{"token":"a"} {"token":"b"}
{"token":"\ud83d"}
{"token":"%s"}
{"devtodevId":18446744073709551615}
{"devtodevId":42.0}
""".replace(b"%s", b"\xff")

NUMBER = "devtodevId must be a whole number of at most 64 bits"
FLOAT = "devtodevId is a float that is no plain whole number: export as integer or text"


def test_each_faulty_line_is_named_with_its_reason(file: Path, scratch: Path) -> None:
    rejects = rejects_of(written(file, FAULTY), scratch)
    assert [(line, reason) for line, reason, _ in rejects] == [
        (3, "is not JSON"),
        (4, "is not a JSON object"),
        (5, "is not a JSON object"),
        (6, "is not a JSON object"),
        (7, FLOAT.replace("devtodevId", "userId")),
        (8, "userId must be a text, not true"),
        (9, "token must be a text, not an object"),
        (10, "idfa must be a text, not an array"),
        (11, NUMBER),
        (12, FLOAT),
        (13, NUMBER),
        (14, f"{NUMBER}, not false"),
        (15, "has no identifier (an advertising id of zeros is none)"),
        (16, "has no identifier (an advertising id of zeros is none)"),
        (17, "has a key twice"),
        (18, "is not JSON"),
        (19, "is not JSON"),
        (20, "is not JSON"),
    ]
    assert rejects[0][2] == "broken"
    assert rejects[-1][2] == '{"token":"\\xff"}'
    outcome = outcome_of(file, scratch, on_invalid="skip")
    assert outcome.members == [
        {"token": "good"},
        {"devtodevId": 18446744073709551615},
        {"devtodevId": 42},
    ]


@pytest.mark.parametrize("length", [65_537, 1_000_000, 40_000_000])
def test_a_line_too_long_to_be_a_row_costs_that_line_alone(
    file: Path, scratch: Path, length: int
) -> None:
    faulty = [f'{{"token":"{"x" * length}"}}', "", ' ["is what we say of faults"]', "broken"]
    written(file, "\n".join(['{"token":"a"}', *faulty, '{"token":"b"}']))
    assert [(line, reason) for line, reason, _ in rejects_of(file, scratch)] == [
        (2, "is longer than 65,536 bytes"),
        (4, "is not a JSON object"),
        (5, "is not JSON"),
    ]
    outcome = outcome_of(file, scratch, on_invalid="skip")
    assert outcome.members == [{"token": "a"}, {"token": "b"}]


def test_an_identifier_longer_than_any_known_is_named(file: Path, scratch: Path) -> None:
    written(file, f'{{"token":"{"x" * 4096}"}}\n{{"token":"{"x" * 4097}"}}\n')
    text = refusal_of(file, scratch)
    assert text.endswith("\n  line 2 token takes more than 4,096 bytes as JSON")


def test_by_default_nothing_is_sent(file: Path, scratch: Path) -> None:
    text = refusal_of(written(file, FAULTY), scratch)
    assert text.startswith(f"The audience {file} has 18 invalid rows, so nothing is sent: ")
    assert "\n  line 3 is not JSON\n" in text
    assert text.endswith("\n  and 8 more")


@pytest.mark.parametrize("on_invalid", ["fail", "skip"])
@pytest.mark.parametrize("value", ["1", "null", '""'])
def test_an_unknown_key_is_bad_input_even_without_a_value(
    file: Path, scratch: Path, on_invalid: str, value: str
) -> None:
    written(file, f'{{"token":"a"}}\n\n{{"token":"b","user id":{value}}}\n')
    assert refusal_of(file, scratch, on_invalid=on_invalid) == (
        f"The audience {file} has a key that no platform of the message knows: user id (line 3); "
        f"known are {KNOWN}. Say what it is (--column NAME=identifier), or leave it out "
        "(--ignore-columns)."
    )


def test_an_empty_file_is_refused(file: Path, scratch: Path) -> None:
    for content in ("", "\n\n"):
        text = refusal_of(written(file, content), scratch)
        assert text == f"The audience {file} is empty: it holds no row."


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, scratch: Path) -> None:
    lines = io.BytesIO(b'{"token":"a"}\n\n{"token":true}\n')
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=lines))
    text = refusal_of("-", scratch)
    assert text.startswith("The audience standard input has 1 invalid row, so nothing is sent")
    assert text.endswith("\n  line 3 token must be a text, not true")


def test_a_binary_stream_is_read(scratch: Path) -> None:
    stream = io.BytesIO(b'\xef\xbb\xbf{"token":"a"}\n{"token":"b"}')
    assert outcome_of(stream, scratch).members == [{"token": "a"}, {"token": "b"}]


def test_a_stream_of_text_is_refused(scratch: Path) -> None:
    stream: Any = io.StringIO('{"token":"a"}\n')
    text = refusal_of(stream, scratch)
    assert text == "The audience in the stream must be opened in binary mode."


odd = ['{"token":"a"}', '{"userId":"é\\u0000"}', "{}", "[]", '"', "{", "1 2", "\t", '{"token":1}']
lines = st.sampled_from([*odd, "\r"]) | st.text(max_size=5).filter(lambda text: "\n" not in text)


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.lists(lines, max_size=8))
def test_every_line_is_counted_and_named(tmp_path: Path, scratch: Path, content: list[str]) -> None:
    texts = ['{"token":"good"}', *content]
    file = written(tmp_path / "any.jsonl", "\n".join(texts))
    rejects = tmp_path / "any.csv"
    outcome = outcome_of(file, scratch, on_invalid="skip", rejects=rejects)
    assert outcome.read == outcome.invalid + outcome.duplicates + outcome.total
    named = read_rejects(rejects)
    assert outcome.invalid == len(named)
    for line, _, row in named:
        shown = texts[line - 1].rstrip("\r").replace("\r", "\\r").replace("\0", "\\0")
        assert row == harmless(shown)
