"""Audiences on disk and in memory: distinct members of one identifier, 63 bytes each in a body."""

from collections.abc import Iterator
from pathlib import Path

import duckdb

FORMATS = {
    "csv": "FORMAT csv, HEADER",
    "jsonl": "FORMAT json",
    "parquet": "FORMAT parquet",
}
_MEMBERS = "SELECT md5(n::text) || left(md5((-n)::text), 18) AS token FROM range({}) AS member(n)"


def write(directory: Path, members: int, kind: str) -> Path:
    """The file of an audience of so many, made at the first call."""
    path = directory / f"{members}.{kind}"
    if not path.exists():
        with duckdb.connect() as database:
            database.execute(f"COPY ({_MEMBERS.format(members)}) TO '{path}' ({FORMATS[kind]})")
    return path


def generate(members: int, name: str = "player") -> Iterator[dict[str, str]]:
    """The same size of audience as an application has it."""
    return ({"token": f"{name}-{n:0{49 - len(name)}}"} for n in range(members))
