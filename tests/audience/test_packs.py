"""Packs: a thousand members each, in the source's order, whatever is left out and however long."""

import json
from pathlib import Path

import duckdb
import pytest

from dispatcher.audience import Drawing, prepare
from dispatcher.audience.arrow import texts


def test_long_members_of_several_stretches_keep_their_order(scratch: Path) -> None:
    users = [f"{number:06}{'é' * 1_200}" for number in range(5_000)]
    repeated = [user for user in users for _ in range(2 if user.startswith("00204") else 1)]
    with prepare(
        [{"userId": user} for user in repeated],
        ["ios"],
        scratch=scratch,
        suppress=[{"userId": user} for user in users[2_000:2_100]],
    ) as prepared:
        packs = list(prepared.packs())
    found = [member["userId"] for pack in packs for member in json.loads(pack.members)]
    assert found == users[:2_000] + users[2_100:]
    assert [pack.size for pack in packs] == [1_000] * 4 + [900]


def test_those_who_go_first_are_in_no_later_pack(scratch: Path) -> None:
    rows = [{"userId": f"u{number}"} for number in range(5_000)]
    drawing = Drawing(120, None, "salt")
    with prepare(rows, ["ios"], scratch=scratch, drawing=drawing) as prepared:
        packs = list(prepared.packs())
    assert [(pack.size, pack.canary) for pack in packs] == [
        *[(50, True)] * 2,
        (20, True),
        *[(1_000, False)] * 4,
        (880, False),
    ]
    found = [member["userId"] for pack in packs for member in json.loads(pack.members)]
    assert len(found) == len(set(found)) == 5_000


def test_texts_are_joined_across_batches_of_rows() -> None:
    with duckdb.connect() as connection:
        rows = connection.sql("SELECT range || ',' FROM range(300_000)")
        joined = b"".join(batch.joined(0, batch.count) for batch in texts(rows))
    assert joined.decode() == "".join(f"{number}," for number in range(300_000))


@pytest.mark.parametrize("columns", ["1", "'a', 'b'", "'a'::BLOB"])
def test_what_is_no_column_of_texts_is_not_read_as_one(columns: str) -> None:
    with duckdb.connect() as connection, pytest.raises(TypeError, match="one column of texts"):
        next(texts(connection.sql(f"SELECT {columns}")))


def test_what_goes_wrong_while_rows_are_read_is_raised() -> None:
    query = """
        SELECT CASE WHEN range = 290_000 THEN error('no such number') ELSE 'a' END
        FROM range(300_000)"""
    with duckdb.connect() as connection:
        rows = texts(connection.sql(query))
        with pytest.raises(duckdb.Error, match="no such number"):
            list(rows)
