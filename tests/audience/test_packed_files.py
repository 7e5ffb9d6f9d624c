"""Packed files: read as they are, and damage is noticed before anything is sent."""

import gzip
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.audience.preparing import outcome_of, refusal_of, rejects_of, written

CSV = b"token,userId\n" + b"".join(b"t%d,u%d\n" % (i, i) for i in range(20_000))
JSON_LINES = b"".join(b'{"token":"t%d","userId":"u%d"}\n' % (i, i) for i in range(20_000))


def zstd(content: bytes) -> bytes:
    """A frame of stored blocks (RFC 8878), without a checksum."""
    pieces = [content[start : start + 100_000] for start in range(0, len(content) or 1, 100_000)]
    blocks = b"".join(
        (len(piece) << 3 | (number == len(pieces))).to_bytes(3, "little") + piece
        for number, piece in enumerate(pieces, 1)
    )
    return b"\x28\xb5\x2f\xfd\xa0" + len(content).to_bytes(4, "little") + blocks


PACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstd}


@pytest.mark.parametrize("packing", [".gz", ".zst"])
@pytest.mark.parametrize(("form", "content"), [(".csv", CSV), (".jsonl", JSON_LINES)])
def test_a_packed_file_is_read(
    tmp_path: Path, scratch: Path, form: str, content: bytes, packing: str
) -> None:
    file = written(tmp_path / f"users{form}{packing}", PACK[packing](content))
    outcome = outcome_of(file, scratch)
    assert outcome.members == [{"token": f"t{i}", "userId": f"u{i}"} for i in range(20_000)]


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_several_members_or_frames_are_read_to_the_end(
    tmp_path: Path, scratch: Path, packing: str
) -> None:
    two = PACK[packing](b"token\na\n") + PACK[packing](b"b\n")
    file = written(tmp_path / f"users.csv{packing}", two)
    assert outcome_of(file, scratch).members == [{"token": "a"}, {"token": "b"}]


def test_what_duckdb_packs_itself_is_read(tmp_path: Path, scratch: Path) -> None:
    file = tmp_path / "users.csv.zst"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 't' || range AS token FROM range(50000)) TO '{file}'")
    assert outcome_of(file, scratch).total == 50_000


def test_a_packed_parquet_file_is_read(tmp_path: Path, scratch: Path) -> None:
    plain = tmp_path / "plain.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 'a' AS token) TO '{plain}' (FORMAT parquet)")
    file = written(tmp_path / "users.parquet.gz", gzip.compress(plain.read_bytes()))
    assert outcome_of(file, scratch).members == [{"token": "a"}]


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_empty_frames_and_carriage_returns_change_no_line(
    tmp_path: Path, scratch: Path, packing: str
) -> None:
    pack = PACK[packing]
    content = [b"", b'token,userId\nc,"a\rb"\n', b"", b"short\nd,", b"e\n", b""]
    file = written(tmp_path / f"users.csv{packing}", b"".join(map(pack, content)))
    assert rejects_of(file, scratch) == [(3, "has 1 cell where the header has 2", "short")]
    assert outcome_of(file, scratch, on_invalid="skip").members == [
        {"token": "c", "userId": "a\rb"},
        {"token": "d", "userId": "e"},
    ]


def test_frames_that_are_to_be_skipped_are_skipped(tmp_path: Path, scratch: Path) -> None:
    skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc"
    file = written(tmp_path / "users.csv.zst", skippable + zstd(b"token\na\n") + skippable)
    assert outcome_of(file, scratch).members == [{"token": "a"}]


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_long_line_of_a_packed_file_is_named(tmp_path: Path, scratch: Path, packing: str) -> None:
    content = b'{"token":"a"}\n{"token":"%s"}\nbroken\n' % (b"x" * 3_000_000)
    file = written(tmp_path / f"users.jsonl{packing}", PACK[packing](content))
    assert [(line, reason) for line, reason, _ in rejects_of(file, scratch)] == [
        (2, "is longer than 65,536 bytes"),
        (3, "is not JSON"),
    ]


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_faults_have_their_lines(tmp_path: Path, scratch: Path, packing: str) -> None:
    content = PACK[packing](b'token,userId\nc,"a\nb"\n\nshort\n\xff,d\n')
    file = written(tmp_path / f"users.csv{packing}", content)
    assert rejects_of(file, scratch) == [
        (5, "has 1 cell where the header has 2", "short"),
        (6, "is not UTF-8", "\\xff,d"),
    ]


def flipped(packed: bytes) -> bytes:
    middle = len(packed) // 2
    return packed[:middle] + bytes([packed[middle] ^ 0x55]) + packed[middle + 1 :]


@pytest.mark.parametrize(
    "damaged",
    [
        gzip.compress(CSV)[:-20_000],
        gzip.compress(CSV)[:-4],
        gzip.compress(CSV)[:-8] + b"\0" * 8,
        flipped(gzip.compress(CSV)),
        b"no sign of gzip",
    ],
    ids=["cut", "cut in its length", "wrong checksum", "flipped", "not packed"],
)
def test_a_damaged_gzip_file_is_refused(tmp_path: Path, scratch: Path, damaged: bytes) -> None:
    file = written(tmp_path / "users.csv.gz", damaged)
    text = refusal_of(file, scratch, on_invalid="skip")
    assert text.startswith(f"The audience {file} cannot be unpacked: ")
    assert text.endswith("; the file is damaged or cut short, make it again.")


ROWS_OF_ONE_LENGTH = b"token\n" + b"".join(b"%09d\n" % i for i in range(30_000))


@pytest.mark.parametrize(
    "damaged",
    [
        zstd(ROWS_OF_ONE_LENGTH)[:-10],
        zstd(ROWS_OF_ONE_LENGTH)[:100_012],
        zstd(ROWS_OF_ONE_LENGTH)[:6],
        b"no sign of Zstandard",
        b"",
    ],
    ids=["cut between rows", "cut between blocks", "cut in its header", "not packed", "no byte"],
)
def test_a_damaged_zstandard_file_is_refused(tmp_path: Path, scratch: Path, damaged: bytes) -> None:
    file = written(tmp_path / "users.csv.zst", damaged)
    text = refusal_of(file, scratch, on_invalid="skip")
    assert text.startswith(f"The audience {file} cannot be unpacked: ")
    assert text.endswith("; the file is damaged or cut short, make it again.")
