"""Who is on the list of those who get nothing is left out, however the audience names them."""

import gzip
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from dispatcher.audience import Source, packs, prepare
from dispatcher.errors import OptionError
from tests.audience.preparing import outcome_of, refusal_of, written

AUDIENCE: list[Mapping[str, object]] = [
    {"token": "t1", "userId": "ann"},
    {"token": "t2", "userId": "bob"},
    {"userId": "cid", "devtodevId": 3},
    {"userId": "dan", "devtodevId": 4},
]


def test_whoever_has_a_listed_identifier_is_left_out_and_counted(scratch: Path) -> None:
    listed = [{"token": "t1"}, {"userId": "bob"}, {"devtodevId": 4}, {"userId": "nobody"}]
    outcome = outcome_of(AUDIENCE, scratch, suppress=listed)
    assert outcome.members == [{"userId": "cid", "devtodevId": 3}]
    assert (outcome.read, outcome.suppressed, outcome.total) == (4, 3, 1)
    assert outcome.digest == outcome_of([AUDIENCE[2]], scratch).digest


def test_any_identifier_of_a_listed_row_is_enough(scratch: Path) -> None:
    outcome = outcome_of(AUDIENCE, scratch, suppress=[{"token": "other", "userId": "ann"}])
    assert outcome.members == AUDIENCE[1:]


def test_the_same_value_of_another_identifier_is_somebody_else(scratch: Path) -> None:
    listed = [{"userId": "t1"}, {"token": "ann"}, {"serialId": "3"}]
    assert outcome_of(AUDIENCE, scratch, suppress=listed).members == AUDIENCE


def test_a_repeated_member_is_left_out_once_whichever_row_is_listed(scratch: Path) -> None:
    rows = [{"token": "t", "userId": "a"}, {"token": "u"}, {"token": "t", "userId": "b"}]
    outcome = outcome_of(rows, scratch, suppress=[{"userId": "b"}])
    assert outcome.members == [{"token": "u"}]
    assert (outcome.read, outcome.duplicates, outcome.suppressed) == (3, 1, 1)


def test_a_text_is_the_same_however_json_writes_it(tmp_path: Path, scratch: Path) -> None:
    listed = written(tmp_path / "list.jsonl", rb'{"userId":"\u0061nn"}')
    assert outcome_of(AUDIENCE, scratch, suppress=listed).suppressed == 1


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".jsonl", ".parquet"])
def test_the_list_comes_as_an_audience_does(tmp_path: Path, scratch: Path, ending: str) -> None:
    listed = tmp_path / f"list{ending}"
    audience = written(tmp_path / f"users{ending.replace('parquet', 'csv')}", b"")
    content = b"userId\nann\n"
    match ending:
        case ".jsonl":
            audience.write_bytes(b'{"userId":"ann"}\n{"userId":"bob"}\n')
            listed.write_bytes(b'{"userId":"ann"}')
        case ".csv.gz":
            audience.write_bytes(gzip.compress(content + b"bob\n"))
            listed.write_bytes(gzip.compress(content))
        case ".parquet":
            audience.write_bytes(content + b"bob\n")
            with duckdb.connect() as connection:
                connection.execute(f"COPY (SELECT 'ann' AS \"userId\") TO '{listed}'")
        case _:
            audience.write_bytes(content + b"bob\n")
            listed.write_bytes(content)
    assert outcome_of(audience, scratch, suppress=listed).members == [{"userId": "bob"}]


def test_an_identifier_that_no_platform_of_this_message_knows_may_be_listed(scratch: Path) -> None:
    outcome = outcome_of(AUDIENCE, scratch, ["ios"], suppress=[{"androidId": "x"}])
    assert outcome.members == AUDIENCE


def test_an_empty_list_leaves_nobody_out(tmp_path: Path, scratch: Path) -> None:
    listed = written(tmp_path / "list.csv", "token\n")
    assert outcome_of(AUDIENCE, scratch, suppress=listed).members == AUDIENCE


def test_an_audience_of_listed_members_alone_is_empty(scratch: Path) -> None:
    assert refusal_of(AUDIENCE[:1], scratch, suppress=[{"token": "t1"}]) == (
        "The audience given is empty: all its members are suppressed."
    )


@pytest.mark.parametrize("on_invalid", ["fail", "skip"])
def test_a_list_with_an_invalid_row_is_refused_as_somebody_might_be_missed(
    tmp_path: Path, scratch: Path, on_invalid: str
) -> None:
    listed = written(tmp_path / "list.csv", "token,userId\na,b\nshort\n-,\n")
    assert refusal_of(AUDIENCE, scratch, suppress=listed, on_invalid=on_invalid) == (
        f"The suppression list {listed} has 2 invalid rows, so nothing is sent: "
        "line 3 has 1 cell where the header has 2."
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "The suppression list {} has no header: its first line must name the columns."),
        ("token,token\n", "The header of the suppression list {} has the column 'token' twice"),
        ("mail\na\n", "The suppression list {} has the column 'mail', which no platform knows; "),
    ],
)
def test_a_list_that_cannot_be_read_is_called_by_its_name(
    tmp_path: Path, scratch: Path, content: str, expected: str
) -> None:
    listed = written(tmp_path / "list.csv", content)
    text = refusal_of(AUDIENCE, scratch, suppress=listed)
    assert text.startswith(expected.format(listed))


@pytest.mark.parametrize("source", ["-", iter(AUDIENCE)], ids=["standard input", "a generator"])
def test_the_list_cannot_come_from_where_the_audience_comes_from(
    scratch: Path, source: Source
) -> None:
    with pytest.raises(OptionError, match="cannot come from the audience's own source"):
        outcome_of(source, scratch, suppress=source)


def test_the_list_is_not_overwritten_by_the_rejects(tmp_path: Path, scratch: Path) -> None:
    listed = written(tmp_path / "list.csv", "token\nt1\n")
    with pytest.raises(OptionError, match="it is what is read; name another file"):
        outcome_of(AUDIENCE, scratch, suppress=listed, rejects=listed, on_invalid="skip")
    assert listed.read_text() == "token\nt1\n"


@pytest.mark.parametrize("listed", ["1001.0", "1001.000", "1001"])
def test_a_listed_number_means_whoever_has_it_as_pandas_writes_it_too(
    scratch: Path, listed: str
) -> None:
    audience = [{"userId": "1001"}, {"userId": "1001.5"}, {"userId": "ann"}]
    file = written(scratch.parent / "out.csv", f"userId\n{listed}\n")
    outcome = outcome_of(audience, scratch, suppress=file)
    assert (outcome.members, outcome.suppressed) == (audience[1:], 1)


@pytest.mark.parametrize("window", [1, 3, 100])
def test_members_stay_in_order_however_few_rows_are_looked_at_together(
    monkeypatch: pytest.MonkeyPatch, scratch: Path, window: int
) -> None:
    monkeypatch.setattr(packs, "_BLOCK", window)
    monkeypatch.setattr(packs, "_BLOCKS", packs._BLOCKS.replace("2048", str(window)))
    monkeypatch.setattr(packs, "_MOST_BYTES", 1)
    rows = [{"userId": f"u{number % 9}"} for number in range(12)]
    listed = [{"userId": f"u{number}"} for number in (0, 2, 3, 5, 8)]
    outcome = outcome_of(rows, scratch, suppress=listed)
    assert outcome.members == [{"userId": f"u{number}"} for number in (1, 4, 6, 7)]
    assert (outcome.duplicates, outcome.suppressed) == (3, 5)


def test_a_list_that_leaves_nobody_out_is_told(scratch: Path) -> None:
    said = "The suppression list leaves nobody out: no member has an identifier of it."
    assert said in outcome_of(AUDIENCE, scratch, suppress=[{"userId": "nobody"}]).notes
    assert said not in outcome_of(AUDIENCE, scratch, suppress=[{"userId": "ann"}]).notes


def test_the_digest_under_another_salt_is_without_the_suppressed(scratch: Path) -> None:
    rows = [{"userId": "a"}, {"userId": "b"}, {"userId": "b"}]
    with prepare(rows, ["ios"], scratch=scratch, suppress=[{"userId": "a"}]) as prepared:
        found = prepared.digest_under("salt")
    with prepare(rows[1:], ["ios"], scratch=scratch, salt="salt") as prepared:
        assert found == prepared.digest
