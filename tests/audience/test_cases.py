"""Files as people's tools write them come to what was meant, or to a refusal that helps."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dispatcher.audience import Source, prepare
from dispatcher.errors import OptionError
from tests.audience.cases import CASES, Case
from tests.audience.preparing import (
    IOS_AND_ANDROID,
    outcome_of,
    read_rejects,
    refusal_of,
    written,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_comes_to_what_was_meant(tmp_path: Path, scratch: Path, case: Case) -> None:
    file = case.write(tmp_path)
    if case.refused:
        assert case.refused in refusal_of(file, scratch, on_invalid="skip")
        return
    rejects = tmp_path / "rejects.csv"
    with prepare(
        file, IOS_AND_ANDROID, scratch=scratch, on_invalid="skip", rejects=rejects
    ) as found:
        assert [
            member for pack in found.packs() for member in json.loads(pack.members)
        ] == case.members
        assert (found.duplicates, found.absent) == (case.duplicates, case.absent or found.absent)
        assert case.told in " ".join(found.notes)
    assert {line: reason for line, reason, _ in read_rejects(rejects)} == case.invalid
    if case.invalid:
        first, *_ = sorted(case.invalid)
        assert f" {first} {case.invalid[first]}" in refusal_of(file, scratch)


def test_names_that_differ_in_case_alone_are_told_as_the_parquet_file_has_them(
    tmp_path: Path, scratch: Path
) -> None:
    """DuckDB writes no such file, so the second name is changed in the file's bytes."""
    file = tmp_path / "twins.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 'a' AS \"userId\", 'b' AS \"USERIX\") TO '{file}'")
    file.write_bytes(file.read_bytes().replace(b"USERIX", b"USERID"))
    assert refusal_of(file, scratch) == (
        f"The audience {file} has the columns 'userId' and 'USERID', which both are userId: leave "
        "one out (--ignore-columns)."
    )
    kept = outcome_of(file, scratch, ignore_columns=["USERID"])
    assert kept.members == [{"userId": "a"}]


AUDIENCE: list[Mapping[str, object]] = [
    {"userId": "anna"},
    {"userId": "boris"},
    {"idfa": "AAAAAAAA-1111-4222-8333-444444444444"},
    {"token": "D" * 64},
    {"userId": "Carl"},
]


@pytest.mark.parametrize(
    ("listed", "left"),
    [
        ("userId\nanna \nboris\xa0\n", [2, 3, 4]),
        ("userId,token\nNULL,\nanna,\\N\n", None),
        ("USER_ID\nanna\n", [1, 2, 3, 4]),
        ("idfa\naaaaaaaa-1111-4222-8333-444444444444\n", [0, 1, 3, 4]),
        ("token\n" + "d" * 64 + "\n", [0, 1, 2, 4]),
        ("userId\ncarl\n", [0, 1, 2, 3, 4]),
        ("token;userId\r\n;anna\r\n", [1, 2, 3, 4]),
    ],
)
def test_a_suppression_list_is_read_as_an_audience_is(
    tmp_path: Path, scratch: Path, listed: str, left: list[int] | None
) -> None:
    file = written(tmp_path / "list.csv", listed)
    if left is None:
        text = refusal_of(AUDIENCE, scratch, suppress=file)
        assert text.endswith(" has 1 invalid row, so nothing is sent: line 2 has no identifier.")
    else:
        outcome = outcome_of(AUDIENCE, scratch, suppress=file)
        assert outcome.members == [AUDIENCE[place] for place in left]


def test_a_float_that_lost_digits_is_refused_in_a_suppression_list(
    tmp_path: Path, scratch: Path
) -> None:
    file = tmp_path / "list.parquet"
    with duckdb.connect() as connection:
        query = 'SELECT 4873214862074861312::DOUBLE AS "devtodevId"'
        connection.execute(f"COPY ({query}) TO '{file}' (FORMAT parquet)")
    assert "row 1 devtodevId is a float too large to be exact: export as integer or text" in (
        refusal_of(AUDIENCE, scratch, suppress=file)
    )


def test_words_for_nothing_can_be_named(tmp_path: Path, scratch: Path) -> None:
    file = written(tmp_path / "users.csv", "userId,token\nNULL,n.v.\nnan,N.V.\n,x\n")
    with prepare(file, IOS_AND_ANDROID, scratch=scratch, absent=["n.v."]) as found:
        members = [member for pack in found.packs() for member in json.loads(pack.members)]
        assert found.absent == 2
    assert members == [{"userId": "NULL"}, {"userId": "nan"}, {"token": "x"}]


FORMS = {
    "csv": 'who,"mail, home",token\nanna,a@b,\n',
    "jsonl": '{"who":"anna","mail, home":"a@b","token":null}\n',
}


@pytest.mark.parametrize("form", FORMS)
def test_columns_can_be_named_and_left_out(tmp_path: Path, scratch: Path, form: str) -> None:
    file = written(tmp_path / f"users.{form}", FORMS[form])
    text = refusal_of(file, scratch, columns={"who": "userId"})
    assert "'mail, home'" in text or "knows: mail, home (line 1)" in text
    assert "(--ignore-columns)" in text
    for left_out in (["mail, home"], ["MAIL, home", "other"], "all"):
        options: dict[str, Any] = {"columns": {"who": "user_id"}, "ignore_columns": left_out}
        assert outcome_of(file, scratch, **options).members == [{"userId": "anna"}]


def test_a_name_that_turns_up_late_is_understood(tmp_path: Path, scratch: Path) -> None:
    rows = [f'{{"userId":"u{number}"}}' for number in range(3000)]
    rows += ['{"USER_ID":"late","Token":"t"}', '{"devtodevId":5}']
    file = written(tmp_path / "users.jsonl", "\n".join(rows))
    outcome = outcome_of(file, scratch)
    assert outcome.members[3000:] == [{"token": "t", "userId": "late"}, {"devtodevId": 5}]
    again: list[Source] = [file, file]
    assert outcome_of(again, scratch).duplicates == 3002


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": {"who": "name"}}, "The column 'who' cannot be 'name': known are token, "),
        ({"columns": {"who": 5}}, "The column 'who' cannot be 5: known are token, "),
        ({"ignore_columns": [5]}, "ignore_columns holds 5: give names, or 'all'."),
        ({"absent": [""]}, "absent holds '': give words of at most 64 characters"),
        ({"absent": ["x" * 65]}, "give words of at most 64 characters"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(
    scratch: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(OptionError) as caught:
        outcome_of([{"userId": "a"}], scratch, **options)
    assert said in str(caught.value)


def test_a_column_that_no_platform_of_the_message_knows_cannot_be_named_so(
    tmp_path: Path, scratch: Path
) -> None:
    file = written(tmp_path / "users.csv", "who,userId\na,b\n")
    text = refusal_of(file, scratch, ["ios"], columns={"who": "androidId"})
    assert "'who', which is androidId, as you say, which no platform of the message knows" in text


def test_hostile_quotes_cost_work_in_proportion(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work is what the reader looks at: lines, and those that it looks at again."""
    from dispatcher.audience import csv_rows

    looked_at = 0
    leaves_a_quote_open = csv_rows._Splitter.leaves_a_quote_open

    def counting(splitter: csv_rows._Splitter, text: bytes) -> bool:
        nonlocal looked_at
        looked_at += len(text)
        return leaves_a_quote_open(splitter, text)

    monkeypatch.setattr(csv_rows._Splitter, "leaves_a_quote_open", counting)
    for ending in ('x"y\n', "", '"\n', '","z\n'):
        content = "token,userId\n" + 'a","b\n' * 6000 + ending
        looked_at = 0
        with open(written(tmp_path / "hostile.csv", content), "rb") as lines:
            assert sum(1 for _ in csv_rows.rows(lines, csv_rows.Header(("token", "userId"))))
        assert 0 < looked_at < 20 * len(content)


def test_a_row_of_several_lines_is_found_behind_one_that_fails(
    tmp_path: Path, scratch: Path
) -> None:
    file = written(tmp_path / "users.csv", 'token,userId\n"open,x\nt,"two\nlines"\n')
    outcome = outcome_of(file, scratch, on_invalid="skip")
    assert outcome.members == [{"token": "t", "userId": "two\nlines"}]


def generated() -> Iterator[Mapping[str, object]]:
    yield {"__index_level_0__": 5, "user_id": 1001, "Unnamed: 0": 0}
    yield {"__index_level_0__": 6, "user_id": "anna ", "Unnamed: 0": 1}


def test_rows_of_an_application_follow_the_same_rules(scratch: Path) -> None:
    assert outcome_of(generated(), scratch).members == [{"userId": "1001"}, {"userId": "anna"}]
