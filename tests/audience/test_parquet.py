"""A Parquet file that we write of numbers holds them as they were given, for any reader."""

from pathlib import Path
from struct import pack

import duckdb
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from dispatcher.audience.parquet import NumbersFile

_NUMBERS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=200)


@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
@given(st.lists(_NUMBERS, max_size=40))
@example([[number] * 3 for number in range(20)])
@example([list(range(70_000)), [], [2**63 - 1, -(2**63), 0]])
def test_the_numbers_of_all_pieces_are_read_in_their_order(
    tmp_path: Path, pieces: list[list[int]]
) -> None:
    path = tmp_path / "numbers.parquet"
    with path.open("wb") as file:
        numbers = NumbersFile(file, "number")
        for piece in pieces:
            numbers.add(pack(f"!{len(piece)}q", *piece))
        numbers.end()
    given = [number for piece in pieces for number in piece]

    with duckdb.connect() as database:
        read = database.execute("SELECT number FROM read_parquet(?)", [str(path)]).fetchall()
    assert [number for (number,) in read] == given
    assert parquet.read_table(path).column("number").to_pylist() == given
