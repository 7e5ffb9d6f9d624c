"""One value is one member, whatever file it comes in: the same digest from every form.

FORMS_EXAMPLES=10000 tries so many audiences, each in every form; a few are tried otherwise. A
preparation takes its time however few rows there are, so several audiences go through it as one.
"""

import csv
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dispatcher.audience import Source, prepare
from dispatcher.audience.absent import BLANKS, WORDS
from dispatcher.audience.identifiers import IDENTIFIERS, TOKEN, Kind
from dispatcher.errors import AudienceError
from tests.audience.preparing import IOS_AND_ANDROID, written

AT_ONCE = 20
"""At most so many audiences are prepared as one; digests are sums: no difference is lost in them.

Half as many on average, and now and then one alone, whose file may have a single row.
"""

EXAMPLES = int(os.environ.get("FORMS_EXAMPLES", "40"))

Row = dict[str, Any]
Rows = Sequence[Row]

NUMBERS = [each.name for each in IDENTIFIERS if each.kind is Kind.NUMBER]
LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Z", "Cs"])
NOTHING = st.sampled_from(["", " ", "NULL", "\\N", "nan", "None", "\u200b"])
BLANK = st.sampled_from(["", "", " ", "\xa0", "\u200b"])


def is_plain(text: str) -> bool:
    """Whether the text stands for itself: neither for nothing, nor for an error."""
    return text.lower() not in WORDS and not text.startswith("#") and text.strip(BLANKS) == text


TOKENS = st.text(LETTERS, min_size=1, max_size=12).filter(is_plain)
HEXADECIMAL = st.integers(16**63, 16**64 - 1).flatmap(
    lambda number: st.sampled_from([f"{number:x}", f"{number:X}"])
)
UUIDS = st.uuids().flatmap(lambda uuid: st.sampled_from([str(uuid), str(uuid).upper()]))
INSIDE = st.text(LETTERS | st.sampled_from("\",;|\t\\'\n é"), max_size=8)
USERS = st.builds("{}{}{}".format, LETTERS, INSIDE, LETTERS).filter(is_plain)
WHOLE = st.integers(-(10**12), 10**30).map(str)
IN_64_BITS = st.integers(-(2**63), 2**64 - 1)

TOKEN_VALUES = TOKENS | HEXADECIMAL
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "token": TOKEN_VALUES,
    "idfa": UUIDS,
    "userId": USERS | UUIDS | WHOLE,
    "devtodevId": IN_64_BITS.map(str),
}


@st.composite
def values(draw: st.DrawFn, name: str) -> str:
    """A text as a file of texts has it: a value with blanks around, or what stands for nothing."""
    if draw(st.booleans()):
        return str(draw(NOTHING))
    return f"{draw(BLANK)}{draw(VALUES[name])}{draw(BLANK)}"


@st.composite
def audiences(draw: st.DrawFn) -> Rows:
    """The rows of several audiences of the same columns, as texts."""
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, unique=True))
    row = st.fixed_dictionaries({name: values(name) for name in names})
    audience = st.lists(row, min_size=1, max_size=5)
    several = draw(st.lists(audience, min_size=1, max_size=AT_ONCE))
    return [row for rows in several for row in rows]


def typed(row: Row) -> Row:
    """The row as a program has it: whole numbers as such, and nothing as None."""
    found: Row = {}
    for name, text in row.items():
        bare = text.strip(BLANKS)
        is_whole = bare.lstrip("-").isascii() and bare.lstrip("-").isdigit()
        small = is_whole and str(int(bare)) == bare and abs(int(bare)) < 2**63
        found[name] = None if not bare or bare.lower() in WORDS else int(bare) if small else text
    return found


def as_csv(separator: str, encoding: str, end: str = "\r\n", first: str = "") -> Callable[..., Any]:
    def write(rows: Rows, directory: Path) -> Source:
        text = io.StringIO()
        names = list(rows[0])
        writer = csv.DictWriter(
            text, names, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL
        )
        writer.writeheader()
        writer.writerows(rows)
        content = (first + text.getvalue()).encode(encoding)
        return written(directory / "a.csv", content)

    return write


def as_json_lines(escaped: bool) -> Callable[..., Any]:
    def write(rows: Rows, directory: Path) -> Source:
        lines = [json.dumps(row, ensure_ascii=escaped) for row in rows]
        return written(directory / "a.jsonl", "\n".join(lines))

    return write


def as_typed_json_lines(rows: Rows, directory: Path) -> Source:
    return written(directory / "b.jsonl", "\n".join(json.dumps(typed(row)) for row in rows))


def as_parquet(rows: Rows, directory: Path) -> Source:
    path = directory / "a.parquet"
    names = list(rows[0])
    with duckdb.connect() as connection:
        columns = ", ".join(f'"{name}" VARCHAR' for name in names)
        connection.execute(f"CREATE TABLE given ({columns})")
        marks = ", ".join("?" * len(names))
        connection.executemany(
            f"INSERT INTO given VALUES ({marks})", [[row[name] for name in names] for row in rows]
        )
        connection.execute(f"COPY given TO '{path}' (FORMAT parquet)")
    return path


def as_dicts(rows: Rows, _: Path) -> Source:
    return [dict(row) for row in rows]


def as_typed_dicts(rows: Rows, _: Path) -> Source:
    return [typed(row) for row in rows]


FORMS: dict[str, Callable[[Rows, Path], Source]] = {
    "comma": as_csv(",", "utf-8"),
    "comma, with a mark": as_csv(",", "utf-8-sig", "\n"),
    "semicolon": as_csv(";", "utf-8"),
    "semicolon, sep=": as_csv(";", "utf-8-sig", first="sep=;\r\n"),
    "tab, UTF-16": as_csv("\t", "utf-16"),
    "pipe": as_csv("|", "utf-8", "\n"),
    "JSON Lines": as_json_lines(escaped=False),
    "JSON Lines, escaped": as_json_lines(escaped=True),
    "JSON Lines, typed": as_typed_json_lines,
    "Parquet": as_parquet,
    "typed dicts": as_typed_dicts,
}


def counts_of(source: Source, scratch: Path) -> tuple[int, ...] | str:
    """What the audience comes to, and its digest; or that there is nobody in it."""
    try:
        with prepare(source, IOS_AND_ANDROID, scratch=scratch, on_invalid="skip") as found:
            return (found.duplicates, found.total, int(found.digest, 16))
    except AudienceError as error:
        if "is empty: " not in str(error):
            raise
        return "empty"


@settings(
    deadline=None,
    max_examples=max(1, 2 * EXAMPLES // AT_ONCE),
    suppress_health_check=list(HealthCheck),
)
@given(rows=audiences())
@example(rows=[{"userId": "1001", "devtodevId": "9007199254740993"}])
@example(rows=[{"userId": " a", "token": "NULL"}, {"userId": "a", "token": ""}])
def test_the_same_members_have_the_same_digest_in_every_form(
    tmp_path: Path, scratch: Path, rows: Rows
) -> None:
    expected = counts_of(as_dicts(rows, tmp_path), scratch)
    found = {form: counts_of(write(rows, tmp_path), scratch) for form, write in FORMS.items()}
    assert found == dict.fromkeys(FORMS, expected)


def test_the_forms_know_the_identifiers() -> None:
    assert {TOKEN.name, *NUMBERS} <= set(VALUES)


@pytest.mark.parametrize("name", ["a", "b"])
def test_another_member_has_another_digest(scratch: Path, name: str) -> None:
    rows: list[Mapping[str, object]] = [{"userId": name}]
    other = counts_of([{"userId": f"{name}{name}"}], scratch)
    assert counts_of(rows, scratch) != other
