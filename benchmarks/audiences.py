"""Audiences on disk and in memory: distinct members of one identifier, 63 bytes each in a body."""

from collections.abc import Iterator
from pathlib import Path

import duckdb

FORMATS = {
    "csv": "FORMAT csv, HEADER",
    "jsonl": "FORMAT json",
    "parquet": "FORMAT parquet",
}
_USER = "format('user-{:08d}', n)"
_MEMBERS = "SELECT md5(n::text) || left(md5((-n)::text), 18) AS token FROM range({}) AS member(n)"


def write(directory: Path, members: int, kind: str) -> Path:
    """The file of an audience of so many, made at the first call."""
    path = directory / f"{members}.{kind}"
    if not path.exists():
        with duckdb.connect() as database:
            database.execute(f"COPY ({_MEMBERS.format(members)}) TO '{path}' ({FORMATS[kind]})")
    return path


def write_people(directory: Path, members: int, begin: int = 0) -> Path:
    """The Parquet file of so many who have a token and a userId each, from one on."""
    path = directory / f"people-{begin}-{members}.parquet"
    if not path.exists():
        numbers = f"range({begin}, {begin + members}) AS member(n)"
        people = f"SELECT md5(n::text) || left(md5((-n)::text), 18) AS token, {_USER} AS userId"
        with duckdb.connect() as database:
            database.execute(f"COPY ({people} FROM {numbers}) TO '{path}' ({FORMATS['parquet']})")
    return path


def user(number: int) -> str:
    """The userId of one of them."""
    return f"user-{number:08}"


def strangers(members: int) -> Iterator[dict[str, str]]:
    """So many userIds that none of them has."""
    return ({"userId": f"stranger-{number}"} for number in range(members))


def generate(members: int, name: str = "player") -> Iterator[dict[str, str]]:
    """The same size of audience as an application has it."""
    return ({"token": f"{name}-{n:0{49 - len(name)}}"} for n in range(members))
