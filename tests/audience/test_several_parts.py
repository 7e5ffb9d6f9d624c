"""Several files, and directories of parts, are one audience: all of them count."""

import csv
import gzip
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from dispatcher.errors import OptionError
from tests.audience.preparing import outcome_of, refusal_of, written

NAMES = ["a.csv", "b.jsonl.gz", "c.parquet"]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files of three forms, with members of their own and one of all."""
    first = written(tmp_path / "a.csv", "userId,token\nu1,t1\nboth,\n")
    second = written(tmp_path / "b.jsonl.gz", gzip.compress(b'{"token":"t2"}\n{"userId":"both"}\n'))
    third = tmp_path / "c.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM (VALUES ('both'), ('u3')) AS t (userId)) TO '{third}' (FORMAT parquet)"
        )
    return [first, second, third]


MEMBERS = [{"token": "t1", "userId": "u1"}, {"userId": "both"}, {"token": "t2"}, {"userId": "u3"}]


@pytest.mark.parametrize("kind", [list, tuple, iter, lambda paths: map(str, paths)])
def test_all_count_in_the_order_given(files: list[Path], scratch: Path, kind: Any) -> None:
    outcome = outcome_of(kind(files), scratch)
    assert outcome.members == MEMBERS
    assert (outcome.read, outcome.duplicates, outcome.total) == (6, 2, 4)
    turned = outcome_of(kind(files[::-1]), scratch)
    assert turned.members[0] == {"userId": "both"}
    assert turned.digest == outcome.digest


def test_several_lists_are_all_suppressed(files: list[Path], scratch: Path) -> None:
    outcome = outcome_of([{"userId": "u1"}, {"userId": "u2"}], scratch, suppress=files)
    assert outcome.members == [{"userId": "u2"}]


def test_a_fault_anywhere_is_named_with_its_file(tmp_path: Path, scratch: Path) -> None:
    paths = [
        written(tmp_path / "a.csv", "token,userId\nt,u\n"),
        written(tmp_path / "b.csv", "token,userId\nv\n-,\n"),  # read again, as a row is too short
        written(tmp_path / "c.jsonl", '\n{"token":"w"}\n{"token":true}\n'),
        written(tmp_path / "d.csv", 'token,userId\np,"x\ny"\nz,\n'),
    ]
    text = refusal_of(paths, scratch)
    assert text.startswith("The audience of 4 parts has 3 invalid rows, so nothing is sent: ")
    reasons = [line.strip().partition(" has ")[0] for line in text.splitlines()[1:3]]
    assert reasons == [f"{paths[1]}, line 2", f"{paths[1]}, line 3"]
    assert text.splitlines()[3].strip().startswith(f"{paths[2]}, line 3 token must be a text")

    rejects = tmp_path / "rejects.csv"
    outcome = outcome_of(paths, scratch, on_invalid="skip", rejects=rejects)
    assert [member["token"] for member in outcome.members] == ["t", "w", "p", "z"]
    with open(rejects, encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    assert header == ["file", "line", "reason", "row"]
    assert [(file, line) for file, line, _, _ in rows] == [
        (str(paths[1]), "2"),
        (str(paths[1]), "3"),
        (str(paths[2]), "3"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("b.csv", "age\n1\n", "has the column 'age'"),
        ("b.jsonl", '{"age":1}', "(line 1)"),
        ("b.csv", None, "does not exist"),
        ("b.csv.gz", "token\n", "it is CSV, not gzip"),
    ],
)
def test_what_refuses_one_refuses_all_and_is_named(
    tmp_path: Path, scratch: Path, name: str, content: str | None, expected: str
) -> None:
    good = written(tmp_path / "a.csv", "token\na\n")
    bad = tmp_path / name
    if content is not None:
        written(bad, content)
    text = refusal_of([good, bad], scratch, on_invalid="skip")
    assert str(bad) in text
    assert expected in text


def test_empty_parts_are_no_fault_but_an_empty_whole_is(tmp_path: Path, scratch: Path) -> None:
    empty = [written(tmp_path / f"{i}.csv", "token\n") for i in range(3)]
    full = written(tmp_path / "full.csv", "token\na\n\n")
    assert outcome_of([*empty, full, *empty], scratch).members == [{"token": "a"}]
    assert refusal_of(empty, scratch) == "The audience of 3 parts is empty: it holds no row."


def test_standard_input_may_be_one_of_them(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path / "a.csv", "token\na\n")
    given = SimpleNamespace(buffer=io.BytesIO(b"userId,token\nu,\n"))
    monkeypatch.setattr(sys, "stdin", given)
    outcome = outcome_of([str(file), "-"], scratch, format="csv")
    assert outcome.members == [{"token": "a"}, {"userId": "u"}]
    assert "standard input twice" in refusal_of(["-", "-"], scratch)
    with pytest.raises(OptionError, match="cannot come from the audience's own source"):
        outcome_of([str(file), "-"], scratch, suppress=["-"])


def test_rows_and_files_are_not_mixed(tmp_path: Path, scratch: Path) -> None:
    mixed: Any = [written(tmp_path / "a.csv", "token\na\n"), {"token": "b"}]
    assert refusal_of(mixed, scratch) == (
        "The audience's list of files holds a dict: give paths alone, or rows alone."
    )


def test_rejects_overwrite_none_of_them(tmp_path: Path, scratch: Path) -> None:
    files = [written(tmp_path / name, "token\na\n") for name in ("a.csv", "b.csv")]
    for source, suppress in ((files, None), ([files[0]], files)):
        with pytest.raises(OptionError, match="it is what is read"):
            outcome_of(source, scratch, rejects=files[1], suppress=suppress)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """What Spark writes."""
    path = tmp_path / "export"
    path.mkdir()
    for number in (2, 0, 1):
        written(path / f"part-0000{number}.csv", f"token\nt{number}\n")
        written(path / f".part-0000{number}.csv.crc", b"crc\0")
    written(path / "part-00003.csv.gz", gzip.compress(b"token\nt3\n"))
    written(path / "_SUCCESS", "")
    written(path / "old.crc", "")
    return path


def test_a_directory_is_read_by_its_parts_names(directory: Path, scratch: Path) -> None:
    for source in (directory, f"{directory}/", [directory]):
        outcome = outcome_of(source, scratch)
        assert outcome.members == [{"token": f"t{number}"} for number in range(4)]


def test_what_a_directory_holds_beside_its_parts_is_told(directory: Path, scratch: Path) -> None:
    (told,) = outcome_of(directory, scratch).notes
    assert told == (
        f"Left out of {directory}, as hidden files and markers are no parts: "
        ".part-00000.csv.crc, .part-00001.csv.crc, .part-00002.csv.crc and 2 more."
    )


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("notes.txt", "hello", "notes.txt has an ending that says nothing"),
        ("part-00004.jsonl", "{}", "has parts of two forms, "),
        ("more", None, "has the directory more in it: name that one by itself"),
        ("broken.csv", "age\n", "broken.csv has the column 'age'"),
    ],
)
def test_a_stranger_in_a_directory_is_named(
    directory: Path, scratch: Path, name: str, content: str | None, expected: str
) -> None:
    if content is None:
        (directory / name).mkdir()
    else:
        written(directory / name, content)
    text = refusal_of(directory, scratch, on_invalid="skip")
    assert text.startswith(f"The audience {directory}")
    assert expected in text


def test_a_directory_without_parts_is_refused(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "export").mkdir()
    written(tmp_path / "export" / "_SUCCESS", "")
    assert "is a directory without any part in it" in refusal_of(tmp_path / "export", scratch)


def test_parts_without_an_ending_need_their_form(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "export").mkdir()
    for name in ("000000_0", "000001_0"):
        written(tmp_path / "export" / name, f"userId\n{name}\n")
    assert "say with --format which" in refusal_of(tmp_path / "export", scratch)
    outcome = outcome_of(tmp_path / "export", scratch, format="csv")
    assert [member["userId"] for member in outcome.members] == ["000000_0", "000001_0"]


def test_a_part_without_a_byte_holds_no_row(directory: Path, scratch: Path) -> None:
    written(directory / "part-00009.csv", b"")
    assert outcome_of(directory, scratch).total == 4


def test_a_thousand_parts_need_no_thousand_open_files(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "export").mkdir()
    for number in range(300):
        written(tmp_path / "export" / f"{number:03}.csv", f"token\nt{number}\n")
    before = len(os.listdir("/proc/self/fd"))
    seen: list[int] = []

    def watch(_: object) -> None:
        seen.append(len(os.listdir("/proc/self/fd")))

    assert outcome_of(tmp_path / "export", scratch, progress=watch).total == 300
    assert max(seen, default=0) < before + 50
