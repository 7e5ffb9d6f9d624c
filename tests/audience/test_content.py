"""A file that is not what its name says is refused, named for what it is."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import duckdb
import pytest

from tests.audience.preparing import outcome_of, refusal_of, written

CSV = b"token,userId\na,b\n"
JSON_LINES = b'{"token":"a"}\n{"token":"b"}\n'


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "<Types/>")
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("users.csv"))
    return file.getvalue()


def parquet(directory: Path) -> bytes:
    file = directory / "made.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 'a' AS token) TO '{file}' (FORMAT parquet)")
    return file.read_bytes()


CONTENTS: dict[str, tuple[bytes, str, str]] = {
    "gzip": (gzip.compress(CSV), "is gzip", "add .gz to its name, or unpack it"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x00\x01\x00\x00", "is Zstandard", "add .zst to its name"),
    "zip": (zipped("users.csv"), "is a zip archive", "unpack it, and give the file in it"),
    "xlsx": (zipped("[Content_Types].xml"), "is an Excel workbook", "call it users.xlsx"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), "old or a protected", "as .xlsx"),
    "bzip2": (b"BZh91AY", "is bzip2", "unpack it"),
    "tar": (tarred(), "is a tar archive", "unpack it, and give the file in it"),
    "a web page": (b"<!DOCTYPE html>\n<html>", "is a web page", "look into it"),
    "xml": (b"<?xml version='1.0'?>\n<rows/>", "is XML", "export it as CSV"),
    "a database": (b"SQLite format 3\0" + bytes(84), "is an SQLite database", "--audience-sql"),
    "an array": (b'[\n{"token":"a"}\n]\n', "is one JSON array", "`jq -c '.[]'`"),
    "an array in a line": (b'[{"token":"a"}]', "is one JSON array", "`jq -c '.[]'`"),
    "a document": (b'{\n  "token": "a"\n}', "over several lines", "`jq -c .`"),
}


@pytest.mark.parametrize("name", ["users.csv", "users.jsonl", "users.parquet", "users.csv.gz"])
@pytest.mark.parametrize("content", CONTENTS)
def test_content_of_another_kind_is_named(
    tmp_path: Path, scratch: Path, name: str, content: str
) -> None:
    given, what, remedy = CONTENTS[content]
    if name.endswith(".gz"):
        given = gzip.compress(given)
    text = refusal_of(written(tmp_path / name, given), scratch, on_invalid="skip")
    assert text.startswith(f"The audience {tmp_path / name} cannot be read: it is ")
    assert what in text
    assert "as its name says; " in text
    assert remedy in text


def test_one_known_form_is_not_taken_for_another(tmp_path: Path, scratch: Path) -> None:
    contents = {"CSV": CSV, "JSON Lines": JSON_LINES, "Parquet": parquet(tmp_path)}
    endings = {"CSV": ".csv", "JSON Lines": ".jsonl", "Parquet": ".parquet"}
    for content, given in contents.items():
        for says, ending in endings.items():
            file = written(tmp_path / f"users{ending}", given)
            if content == says:
                assert outcome_of(file, scratch).members[0]["token"] == "a"
                continue
            assert refusal_of(file, scratch) == (
                f"The audience {file} cannot be read: it is {content}, not {says} as its name "
                f"says; call it users{endings[content]}, or make it again."
            )


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_plain_file_is_not_packed(tmp_path: Path, scratch: Path, packing: str) -> None:
    file = written(tmp_path / f"users.csv{packing}", CSV)
    says = {".gz": "gzip", ".zst": "Zstandard"}[packing]
    assert refusal_of(file, scratch) == (
        f"The audience {file} cannot be unpacked: it is CSV, not {says} as its name says; call it "
        "users.csv, or make it again."
    )


def test_a_file_that_is_packed_twice_is_named(tmp_path: Path, scratch: Path) -> None:
    file = written(tmp_path / "users.csv.gz", gzip.compress(gzip.compress(CSV)))
    assert "is gzip, not CSV as its name says" in refusal_of(file, scratch)


@pytest.mark.parametrize(("form", "content"), [("csv", CSV), ("jsonl", JSON_LINES)])
def test_what_the_person_says_stands_over_the_name(
    tmp_path: Path, scratch: Path, form: str, content: bytes
) -> None:
    for name in ("users.txt", "users", "users.parquet", "users.csv", "users.jsonl"):
        file = written(tmp_path / name, content)
        assert outcome_of(file, scratch, format=form).members[0]["token"] == "a"


def test_what_the_person_says_has_to_be_so(tmp_path: Path, scratch: Path) -> None:
    file = written(tmp_path / "users.txt", CSV)
    assert refusal_of(file, scratch, format="jsonl") == (
        f"The audience {file} cannot be read: it is CSV, not JSON Lines as --format says; call it "
        "users.csv, or make it again."
    )


def test_a_format_speaks_of_those_whose_names_do_not(tmp_path: Path, scratch: Path) -> None:
    files = [written(tmp_path / "a.csv", CSV), written(tmp_path / "b", b'{"token":"c"}\n')]
    outcome = outcome_of(files, scratch, format="jsonl")
    assert [member["token"] for member in outcome.members] == ["a", "c"]


@pytest.mark.parametrize("first", [b'["a"]', b"[1]", b'"x"', b"null", b"7", b"{broken"])
def test_one_faulty_line_of_json_is_still_a_row(
    tmp_path: Path, scratch: Path, first: bytes
) -> None:
    file = written(tmp_path / "users.jsonl", first + b'\n{"token":"a"}\n')
    outcome = outcome_of(file, scratch, on_invalid="skip")
    assert (outcome.invalid, outcome.total) == (1, 1)
