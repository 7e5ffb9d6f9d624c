"""What holds for every source: distinct members, the digest, rejects, options, progress."""

import json
import os
from hashlib import md5
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.audience import Progress, prepare
from dispatcher.errors import OptionError, SettingError
from tests.audience.preparing import (
    IOS_AND_ANDROID,
    outcome_of,
    read_rejects,
    refusal_of,
    written,
)


def test_rows_with_the_same_token_are_one_member_whatever_else_they_say(scratch: Path) -> None:
    rows = [{"token": "a", "userId": "x"}, {"token": "b"}, {"token": "a", "userId": "y"}]
    outcome = outcome_of(rows, scratch)
    assert outcome.members == rows[:2]
    assert (outcome.read, outcome.duplicates, outcome.total) == (3, 1, 2)


def test_without_a_token_all_identifiers_must_agree(scratch: Path) -> None:
    rows: list[dict[str, object]] = [
        {"userId": "x", "devtodevId": 1},
        {"userId": "x"},
        {"devtodevId": 1, "userId": "x", "idfa": None},
        {"token": "x"},
        {"userId": "x", "idfa": "0000"},
    ]
    outcome = outcome_of(rows, scratch)
    assert outcome.members == [rows[0], rows[1], rows[3]]
    assert outcome.duplicates == 2


def test_the_first_of_many_repeated_rows_stays_and_the_order_holds(scratch: Path) -> None:
    rows = [{"userId": f"u{i % 30_000}"} for i in range(70_000)]
    outcome = outcome_of(rows, scratch)
    assert outcome.members == rows[:30_000]
    assert outcome.duplicates == 40_000


texts = st.sampled_from(["a", "b", 'q"', "é", "\\", "0-0", "", "NULL", " a", None])
members = st.fixed_dictionaries(
    {},
    optional={
        "token": texts,
        "idfa": texts,
        "userId": texts,
        "devtodevId": st.sampled_from([1, 2**64 - 1, None]),
    },
)


def present(row: dict[str, Any]) -> dict[str, Any]:
    order = [name for name in ("token", "idfa", "userId", "devtodevId") if name in row]
    values = {name: row[name] for name in order if row[name] is not None}
    bare = {name: v.strip() if isinstance(v, str) else v for name, v in values.items()}
    return {
        name: value
        for name, value in bare.items()
        if value not in ("", "NULL") and not (name == "idfa" and not value.strip("0-"))
    }


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(st.lists(members, max_size=20), st.randoms())
def test_members_and_digest_agree_with_a_simple_model(
    tmp_path: Path, scratch: Path, rows: list[dict[str, Any]], random: Any
) -> None:
    rows = [{"token": "at-least-one"}, *rows]
    kept: dict[str, dict[str, Any]] = {}
    for row in filter(None, map(present, rows)):
        known_by = {"token": row["token"]} if "token" in row else row
        kept.setdefault(json.dumps(known_by), row)
    outcome = outcome_of(rows, scratch, on_invalid="skip")
    assert outcome.members == list(kept.values())
    assert outcome.invalid == sum(not present(row) for row in rows)

    again = [*kept.values(), *random.choices(list(kept.values()), k=3)]
    random.shuffle(again)
    file = tmp_path / "again.jsonl"
    written(file, "\n".join(map(json.dumps, again)))
    assert outcome_of(file, scratch).digest == outcome.digest


DIGEST_OF_THE_TWO = "000000000000000200000001974a21512e725b520000000147b6e173f24f21ac"
"""Stored with campaigns, so it must never change."""


def test_the_digest_of_the_same_members_is_the_same_from_every_kind_of_source(
    tmp_path: Path, scratch: Path
) -> None:
    rows: list[dict[str, object]] = [
        {"userId": 'q"\\\t\x7f/é😀', "devtodevId": 7},
        {"userId": "b"},
    ]
    csv_file = written(tmp_path / "a.csv", 'userId,devtodevId\nb,\n"q""\\\t\x7f/é😀",007\n')
    faulty = written(tmp_path / "b.csv", csv_file.read_text() + "short\n")
    assert outcome_of(rows, scratch).digest == DIGEST_OF_THE_TWO
    assert outcome_of(csv_file, scratch).digest == DIGEST_OF_THE_TWO
    assert outcome_of(faulty, scratch, on_invalid="skip").digest == DIGEST_OF_THE_TWO


def test_the_digest_sums_the_md5_of_what_each_member_is_known_by(scratch: Path) -> None:
    known_by = [b'pepper"a"', b'pepper{"idfv":"b","devtodevId":7}']
    one, other = (int.from_bytes(md5(text).digest(), "little") for text in known_by)
    rows: list[dict[str, object]] = [
        {"userId": "ignored beside a token", "token": "a"},
        {"devtodevId": 7, "idfv": "b"},
    ]
    upper, lower = (one >> 64) + (other >> 64), one % 2**64 + other % 2**64
    expected = f"{2:016x}{upper:024x}{lower:024x}"
    assert outcome_of(rows, scratch, salt="pepper").digest == expected
    with prepare(rows, IOS_AND_ANDROID, scratch=scratch, salt="other") as prepared:
        assert prepared.digest != expected
        assert prepared.digest_under("pepper") == expected
        former = int.from_bytes(md5(b'{"token":"a"}').digest(), "little") ^ int.from_bytes(
            md5(b'{"idfv":"b","devtodevId":7}').digest(), "little"
        )
        assert prepared.former_digest() == f"{former:032x}"


def test_what_has_the_same_exclusive_or_has_not_the_same_digest(scratch: Path) -> None:
    """Of 129 keys of 128 bits, some can be left out without a change of their exclusive or."""
    names = [f"u{number}" for number in range(140)]
    keys = {
        name: int.from_bytes(md5(b'{"userId":"%s"}' % name.encode()).digest(), "little")
        for name in names
    }
    reduced: dict[int, tuple[int, frozenset[str]]] = {}
    forged: frozenset[str] = frozenset()
    for name, key in keys.items():
        rest, made_of = key, frozenset({name})
        while rest and rest.bit_length() in reduced:
            other, of_others = reduced[rest.bit_length()]
            rest, made_of = rest ^ other, made_of ^ of_others
        if not rest:
            forged = made_of
            break
        reduced[rest.bit_length()] = (rest, made_of)
    assert forged
    whole = [{"userId": name} for name in names]
    less = [row for row in whole if row["userId"] not in forged]
    with (
        prepare(whole, IOS_AND_ANDROID, scratch=scratch) as one,
        prepare(less, IOS_AND_ANDROID, scratch=scratch) as another,
    ):
        assert one.former_digest() == another.former_digest()
        assert one.digest != another.digest


def test_another_member_gives_another_digest(scratch: Path) -> None:
    digests = {
        outcome_of(rows, scratch).digest
        for rows in (
            [{"token": "a"}],
            [{"userId": "a"}],
            [{"token": "a"}, {"token": "b"}],
            [{"userId": "a", "devtodevId": 1}],
        )
    }
    assert len(digests) == 4


def test_rejects_are_written_even_where_there_are_none(tmp_path: Path, scratch: Path) -> None:
    file = tmp_path / "rejects.csv"
    outcome_of([{"token": "a"}], scratch, on_invalid="skip", rejects=file)
    assert read_rejects(file) == []


def test_a_refusal_names_the_file_that_holds_all_rejects(tmp_path: Path, scratch: Path) -> None:
    file = tmp_path / "rejects.csv"
    text = refusal_of([{"token": "a"}, *[{}] * 30], scratch, rejects=str(file))
    assert f"(all are in {file})" in text
    assert len(read_rejects(file)) == 30
    assert sorted(os.listdir(tmp_path)) == ["rejects.csv", "scratch"]


def test_rejects_can_go_to_a_pipe(tmp_path: Path, scratch: Path) -> None:
    reading, writing = os.pipe()
    outcome_of([{"token": "a"}, {}], scratch, on_invalid="skip", rejects=f"/proc/self/fd/{writing}")
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:
        assert pipe.read().startswith("line,reason,row\n2,has no identifier")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (".", "it is a directory"),
        ("missing/rejects.csv", "its directory is missing"),
        ("users.csv", "it is what is read"),
    ],
)
def test_rejects_that_cannot_be_written_are_refused_at_once(
    tmp_path: Path, scratch: Path, name: str, why: str
) -> None:
    file = written(tmp_path / "users.csv", "token\na\n")
    with pytest.raises(OptionError, match=f"cannot be written to .*: {why}; name another file"):
        outcome_of(file, scratch, rejects=tmp_path / name)
    assert file.read_text() == "token\na\n"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("missing.csv", "does not exist."),
        ("users.txt", "has an ending that says nothing: known are .csv, .jsonl, .ndjson, "),
        ("users.csv.bz2", "has an ending that says nothing: known are .csv, .jsonl, .ndjson, "),
        ("directory.csv", "is a directory without any part in it: known are files that end in "),
    ],
)
def test_a_path_that_leads_to_no_audience_is_refused(
    tmp_path: Path, scratch: Path, name: str, expected: str
) -> None:
    (tmp_path / "directory.csv").mkdir()
    written(tmp_path / "users.txt", "token\na\n")
    written(tmp_path / "users.csv.bz2", "token\na\n")
    path = tmp_path / name
    assert refusal_of(str(path), scratch).startswith(f"The audience {path} {expected}")


def test_an_unreadable_file_is_refused(tmp_path: Path, scratch: Path) -> None:
    file = tmp_path / "users.csv"
    file.symlink_to(file)
    assert refusal_of(file, scratch).startswith(f"The audience {file} cannot be read: ")


def test_a_path_with_signs_of_a_pattern_is_only_a_path(tmp_path: Path, scratch: Path) -> None:
    for name in ("[ab]*?.csv", "a'b.csv", "a.csv"):
        written(tmp_path / name, f"token\n{name}\n")
    for name in ("[ab]*?.csv", "a'b.csv"):
        assert outcome_of(tmp_path / name, scratch).members == [{"token": name}]


def test_a_wrong_choice_is_refused(scratch: Path) -> None:
    with pytest.raises(OptionError, match='on_invalid must be "fail" or "skip", not \'drop\''):
        outcome_of([{"token": "a"}], scratch, on_invalid="drop")


def test_too_little_memory_is_named_with_its_setting(scratch: Path) -> None:
    with pytest.raises(SettingError, match="DISPATCHER_PREPARE_MEMORY of 5 MB is too little"):
        outcome_of(({"token": str(i)} for i in range(1000)), scratch, memory=5_000_000)


def test_progress_is_told_in_rows(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatcher.audience.progress.SECONDS_BETWEEN", 0)
    told: list[Progress] = []
    rows = ({"token": str(i)} for i in range(3000))
    with prepare(rows, IOS_AND_ANDROID, scratch=scratch, progress=told.append):
        pass
    counted = [progress.done for progress in told if progress.fraction is None]
    assert counted == [1000, 2000, 3000]
    assert {progress.phase for progress in told} <= {"reading", "checking"}


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_files_rows_are_estimated_while_it_is_read(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr("dispatcher.audience.engine.SECONDS_BETWEEN", 0.001)
    monkeypatch.setattr("dispatcher.audience.progress.SECONDS_BETWEEN", 0)
    file = tmp_path / f"users{ending}"
    told: list[Progress] = []
    with duckdb.connect() as connection:
        form = "json" if ending == ".jsonl" else ending[1:]
        connection.execute(
            f"COPY (SELECT lpad(range::VARCHAR, 9, '0') AS token FROM range(200000)) "
            f"TO '{file}' (FORMAT {form})"
        )
    with prepare(file, IOS_AND_ANDROID, scratch=scratch, progress=told.append):
        pass
    reading = [progress for progress in told if progress.phase == "reading"]
    assert reading
    assert all(
        progress.done == pytest.approx(200_000 * (progress.fraction or 0), rel=0.02, abs=1)
        for progress in reading
    )


def test_progress_is_told_at_most_five_times_a_second(scratch: Path) -> None:
    told: list[Progress] = []
    rows = ({"token": str(i)} for i in range(3000))
    with prepare(rows, IOS_AND_ANDROID, scratch=scratch, progress=told.append):
        pass
    assert len(told) <= 10
