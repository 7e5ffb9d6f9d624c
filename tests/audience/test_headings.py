"""The columns of a file, before anything is made of it."""

import gzip
from pathlib import Path

import pandas
import pytest

from dispatcher.audience.headings import Heading, headings
from dispatcher.errors import AudienceError

MEMORY = 200_000_000
CSV = b'customer;USER_ID;lang;\n"x;1";anna;en;\n' + b"x2;boris;de;\n" * 10


def of(path: Path, scratch: Path, *platforms: str) -> dict[str, Heading]:
    wanted = platforms or ("ios", "android")
    found = headings(path, wanted, memory=MEMORY, scratch=scratch)
    return {each.name: each for each in found}


@pytest.mark.parametrize("name", ["members.csv", "members.csv.gz"])
def test_each_column_is_told_with_what_it_is_read_as(
    name: str, tmp_path: Path, scratch: Path
) -> None:
    (tmp_path / name).write_bytes(gzip.compress(CSV) if name.endswith("gz") else CSV)
    found = of(tmp_path / name, scratch)
    assert found["customer"] == Heading("customer", None, False, None, ("x;1", *["x2"] * 4))
    assert (found["USER_ID"].identifier, found["USER_ID"].may_tell) == ("userId", None)
    assert (found["lang"].identifier, found["lang"].may_tell) == (None, "variant")
    assert found[""].ignored


def test_an_identifier_that_no_platform_knows_is_none(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "members.csv").write_text("idfa,androidId\na,b\n")
    found = of(tmp_path / "members.csv", scratch, "android")
    assert [each.identifier for each in found.values()] == [None, "androidId"]


def test_rows_with_names_of_their_own_have_all_of_these(tmp_path: Path, scratch: Path) -> None:
    rows = '{"userId": "anna"}\nnonsense\n{"userId": null, "n": {"a": 1}, "tz": "%s"}\n' % (
        "x" * 900
    )
    (tmp_path / "members.jsonl").write_text(rows)
    found = of(tmp_path / "members.jsonl", scratch)
    assert found["userId"].values == ("anna", "")
    assert (found["n"].values, found["tz"].may_tell) == (("", '{"a":1}'), "zone")
    assert len(found["tz"].values[1]) == 200


def test_a_table_s_values_are_texts(tmp_path: Path, scratch: Path) -> None:
    frame = pandas.DataFrame({"devtodevId": [1, 2], "Id": [1.5, None], "ID": ["a", "b"]})
    frame.to_parquet(tmp_path / "members.parquet")
    found = of(tmp_path / "members.parquet", scratch)
    assert [each.values for each in found.values()] == [("1", "2"), ("1.5", ""), ("a", "b")]


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, scratch: Path) -> None:
    (tmp_path / "members.csv").write_bytes(b"PK\x03\x04 [Content_Types].xml")
    with pytest.raises(AudienceError, match="it is an Excel workbook, not CSV as its name says"):
        of(tmp_path / "members.csv", scratch)
