"""Whatever is given, memory and time are bounded, and what is wrong is said in a sentence."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pyarrow.parquet
import pytest

from dispatcher.audience import Source
from dispatcher.audience.engine import Engine
from tests.audience.preparing import outcome_of, refusal_of, written

LONG = 45_000
Rows = Callable[[Path], Source]


def long_rows() -> Iterator[dict[str, str]]:
    return ({"token": f"{number:0900}"} for number in range(LONG))


def as_json_lines(directory: Path) -> Source:
    return written(directory / "a.jsonl", "\n".join(map(json.dumps, long_rows())))


def as_csv(directory: Path) -> Source:
    return written(
        directory / "a.csv", "\n".join(["token", *(row["token"] for row in long_rows())])
    )


def as_csv_with_a_fault(directory: Path) -> Source:
    content = "\n".join(["token", *(row["token"] for row in long_rows()), "one,two", ""])
    return written(directory / "a.csv", content)


def as_parquet(directory: Path) -> Source:
    path = directory / "a.parquet"
    query = f"SELECT lpad(range::VARCHAR, 900, '0') AS token FROM range({LONG})"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def as_dicts(directory: Path) -> Source:
    return long_rows()


@pytest.mark.parametrize("rows", [as_json_lines, as_csv, as_csv_with_a_fault, as_parquet, as_dicts])
def test_long_rows_are_an_audience_in_the_default_memory(
    tmp_path: Path, scratch: Path, rows: Rows
) -> None:
    outcome = outcome_of(rows(tmp_path), scratch, on_invalid="skip")
    assert (outcome.total, outcome.duplicates) == (LONG, 0)
    assert [member["token"] for member in outcome.members] == [row["token"] for row in long_rows()]


def test_documents_with_an_unknown_key_are_refused_by_it(tmp_path: Path, scratch: Path) -> None:
    documents = ({"token": f"t{n}", "profile": {"a": "x" * (2000 + n)}} for n in range(18_000))
    file = written(tmp_path / "a.jsonl", "\n".join(map(json.dumps, documents)))
    for source in (file, map(json.loads, file.read_text().splitlines())):
        text = refusal_of(source, scratch)
        assert "profile" in text
        assert "known are token, " in text


def test_lines_of_documents_keep_their_numbers(tmp_path: Path, scratch: Path) -> None:
    lines = [json.dumps({"token": f"{n}".zfill(3000)}) for n in range(5_000)]
    lines[1_234] = ""
    lines[4_321] = "broken" * 500
    text = refusal_of(written(tmp_path / "a.jsonl", "\n".join(lines)), scratch)
    assert text.endswith("\n  line 4322 is not JSON")
    outcome = outcome_of(tmp_path / "a.jsonl", scratch, on_invalid="skip")
    assert (outcome.read, outcome.invalid) == (4_999, 1)
    assert [int(member["token"]) for member in outcome.members] == [
        n for n in range(5_000) if n not in (1_234, 4_321)
    ]


def test_rows_as_long_as_any_can_be_are_an_audience(tmp_path: Path, scratch: Path) -> None:
    names = ("token", "idfa", "idfv", "androidId", "serialId", "userId")
    rows: Any = [{name: f"{name}{n:04}".ljust(4000, "x") for name in names} for n in range(1_500)]
    assert outcome_of(rows, scratch).members == rows


@pytest.mark.parametrize("ending", [".csv.gz", ".jsonl.gz", ".parquet.gz"])
def test_a_packed_file_that_would_fill_the_disk_is_refused(
    tmp_path: Path, scratch: Path, ending: str
) -> None:
    file = tmp_path / f"bomb{ending}"
    with gzip.open(file, "wb") as packed:
        packed.write(b"PAR1" if ending == ".parquet.gz" else b"\n")
        for _ in range(120):
            packed.write(bytes(1 << 20))
    assert refusal_of(file, scratch) == (
        f"The audience {file} unpacks to more than 200 times its size, as what is made to fill a "
        "disk does: unpack it yourself, and look into it."
    )


def test_rows_that_would_fill_the_disk_are_refused(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatcher.audience.unpacking._ALWAYS_SPILLED", 50_000_000)
    monkeypatch.setattr("dispatcher.audience.unpacking._MOST_SPILLED", 200)
    file = tmp_path / "bomb.parquet"
    same = pyarrow.array([0] * 100_000, pyarrow.int32())
    token = pyarrow.DictionaryArray.from_arrays(same, pyarrow.array(["a" * 1000]))
    with pyarrow.parquet.ParquetWriter(file, pyarrow.schema([("token", token.type)])) as writer:
        for _ in range(20):
            writer.write_table(pyarrow.table({"token": token}))
    assert file.stat().st_size < 500_000
    assert "has rows of more than 200 times its size" in refusal_of(file, scratch)


def test_a_disk_that_fills_while_members_spill_is_named(tmp_path: Path, scratch: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
from dispatcher.audience import prepare
from dispatcher.errors import AudienceError

resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, 8_000_000))
try:
    with prepare(Path(sys.argv[1]), ["ios"], scratch=Path(sys.argv[2]), memory=64_000_000):
        pass
except AudienceError as error:
    print(error)
"""
    file = tmp_path / "users.csv"
    written(file, "\n".join(["token", *(f"{number:064x}" for number in range(1_200_000))]))
    ran = subprocess.run(
        [sys.executable, "-c", program, str(file), str(scratch)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == (
        f"The scratch directory {scratch} cannot hold the audience: File too large; make room, or "
        "set DISPATCHER_HOME to another place.\n"
    )


class Crowded:
    """A connection whose memory does not suffice for several threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self.done: list[str] = []

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        self.done.append(sql)
        if self.done.count("SET threads = 1") == 0:
            raise duckdb.OutOfMemoryException("Out of Memory Error: too many")
        return self.connection.execute(sql)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


def test_what_is_too_much_for_several_threads_is_done_by_one(tmp_path: Path) -> None:
    with Engine(tmp_path, 200_000_000) as engine:
        crowded = engine._connection = Crowded(engine._connection)  # type: ignore[assignment]
        assert engine.run("SELECT 1") == (1,)
        assert crowded.done == ["SELECT 1", "SET threads = 1", "SELECT 1"]
        assert engine.run("SELECT current_setting('threads')") == (1,)
