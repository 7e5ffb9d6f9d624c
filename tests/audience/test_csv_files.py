"""CSV files, with and without fault: every fault is named with the line its row starts on."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.audience import csv_rows
from dispatcher.audience.absent import WORDS
from tests.audience.preparing import outcome_of, read_rejects, refusal_of, rejects_of, written


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.csv"


def test_members_come_in_the_files_order_without_empty_cells(file: Path, scratch: Path) -> None:
    written(file, "userId,token,devtodevId\nann,,7\n,t2,\n")
    outcome = outcome_of(file, scratch)
    assert outcome.members == [{"userId": "ann", "devtodevId": 7}, {"token": "t2"}]
    assert (outcome.read, outcome.invalid, outcome.duplicates, outcome.total) == (2, 0, 0, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"token,userId\na,b\nc,d\n",
        b"token,userId\na,b\nc,d",
        b"token,userId\r\na,b\r\nc,d\r\n",
        b"token,userId\r\na,b\nc,d\r\n",
        b"\xef\xbb\xbftoken,userId\na,b\nc,d\n",
        b'"token","userId"\n"a","b"\n"c","d"\n',
        b"token,userId\n\na,b\n\n\r\nc,d\n\n",
        b"token,userId\na,b,\nc,d,,\n",
        b'token,userId\na,b,""\nc,d\r\n',
    ],
)
def test_ends_of_lines_marks_quotes_and_blank_lines_make_no_difference(
    file: Path, scratch: Path, content: bytes
) -> None:
    outcome = outcome_of(written(file, content), scratch)
    assert outcome.members == [{"token": "a", "userId": "b"}, {"token": "c", "userId": "d"}]


def test_every_cell_is_a_text_but_the_vendors_number(file: Path, scratch: Path) -> None:
    written(
        file, "userId,devtodevId\n0012,18446744073709551615\nnull0,-9223372036854775808\n1,12.0"
    )
    assert outcome_of(file, scratch).members == [
        {"userId": "0012", "devtodevId": 18446744073709551615},
        {"userId": "null0", "devtodevId": -9223372036854775808},
        {"userId": "1", "devtodevId": 12},
    ]


@pytest.mark.parametrize(
    "cell", ["18446744073709551616", "abc", "1.5", "1e3", "0x1F", "1 2", "true"]
)
@pytest.mark.parametrize("fault", ["", "a,b,c\n"], ids=["in DuckDB", "line by line"])
def test_a_number_that_is_none_is_named(file: Path, scratch: Path, cell: str, fault: str) -> None:
    written(file, f"userId,devtodevId\nann,{cell}\nbob,1\n{fault}")
    line, reason, row = rejects_of(file, scratch)[0]
    assert (line, row) == (2, f"ann,{cell}")
    assert reason == (
        "devtodevId is a float that is no plain whole number: export as integer or text"
        if cell in ("1.5", "1e3")
        else "devtodevId must be a whole number of at most 64 bits"
    )


def test_an_advertising_id_of_zeros_is_none(file: Path, scratch: Path) -> None:
    zeros = "00000000-0000-0000-0000-000000000000"
    written(file, f"idfa,userId,advertisingId\n{zeros},ann,\n{zeros},,\n,,{zeros}\n,0-0,\n")
    assert rejects_of(file, scratch) == [
        (3, "has no identifier (an advertising id of zeros is none)", f"{zeros},,"),
        (4, "has no identifier (an advertising id of zeros is none)", f",,{zeros}"),
    ]
    assert outcome_of(file, scratch, on_invalid="skip").members == [
        {"userId": "ann"},
        {"userId": "0-0"},
    ]


FAULTY = b"""token,userId
a,b

short
t,"two
lines"
lo,n,g
bad\xff,d
NULL,
"open,e
f,"mid"dle
g,"last
"""


def test_each_faulty_row_is_named_with_the_line_it_starts_on(file: Path, scratch: Path) -> None:
    not_closed = "has a quote that is not closed, or does not enclose its whole cell"
    assert rejects_of(written(file, FAULTY), scratch) == [
        (4, "has 1 cell where the header has 2", "short"),
        (7, "has 3 cells where the header has 2", "lo,n,g"),
        (8, "is not UTF-8", "bad\\xff,d"),
        (9, "has no identifier", "NULL,"),
        (10, not_closed, '"open,e'),
        (11, not_closed, 'f,"mid"dle'),
        (12, not_closed, 'g,"last'),
    ]
    outcome = outcome_of(file, scratch, on_invalid="skip")
    assert outcome.members == [
        {"token": "a", "userId": "b"},
        {"token": "t", "userId": "two\nlines"},
    ]
    assert (outcome.read, outcome.invalid, outcome.total) == (9, 7, 2)


def test_a_quote_left_open_costs_one_row_and_not_the_rest(file: Path, scratch: Path) -> None:
    rows = "".join(f"t{number},u{number}\n" for number in range(10_000))
    written(file, f'token,userId\n"open,u\n{rows}')
    outcome = outcome_of(file, scratch, on_invalid="skip")
    assert (outcome.read, outcome.invalid, outcome.total) == (10_001, 1, 10_000)


def test_lines_that_all_leave_a_quote_open_are_each_looked_at_once(
    file: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(file, "token,userId\na,b\n" + 'x","y\n' * 20_000)
    looked_at: list[int] = []
    give_back = csv_rows._Lines.give_back

    def counting(lines: csv_rows._Lines, taken: list[bytes]) -> None:
        looked_at.append(len(taken))
        give_back(lines, taken)

    monkeypatch.setattr(csv_rows._Lines, "give_back", counting)
    outcome = outcome_of(file, scratch, on_invalid="skip")
    assert (outcome.invalid, outcome.total) == (20_000, 1)
    assert 0 < sum(looked_at) < 4 * 20_000


def test_by_default_nothing_is_sent_and_the_first_ten_are_named(file: Path, scratch: Path) -> None:
    written(file, "token,userId\na,b\n" + "-,\n" * 1234)
    lines = refusal_of(file, scratch).splitlines()
    assert lines[0] == (
        f"The audience {file} has 1,234 invalid rows, so nothing is sent: correct them, or let "
        'them be skipped (on_invalid="skip", --on-invalid skip).'
    )
    assert lines[1:] == [
        *(f"  line {number} has no identifier" for number in range(3, 13)),
        "  and 1,224 more",
    ]


def test_a_file_of_one_column_may_have_blank_lines(file: Path, scratch: Path) -> None:
    written(file, "userId\n\nann\n\n0-0\n\n")
    outcome = outcome_of(file, scratch)
    assert [member["userId"] for member in outcome.members] == ["ann", "0-0"]
    written(file, 'userId\n\nann\n\n"bob"x\n\n')
    assert rejects_of(file, scratch)[0][0] == 5


@pytest.mark.parametrize("fault", ["", "a,b\n"], ids=["in DuckDB", "line by line"])
def test_in_a_file_of_one_column_commas_alone_are_a_blank_line(
    file: Path, scratch: Path, fault: str
) -> None:
    written(file, f'userId\n,\nann,\n,,\n"",\n{"x" * 4097}\n{fault}')
    assert [line for line, _, _ in rejects_of(file, scratch)] == [6, *[7] * bool(fault)]
    outcome = outcome_of(file, scratch, on_invalid="skip")
    assert (outcome.read, outcome.members) == (2 + bool(fault), [{"userId": "ann"}])


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b",\r,", 2),
        (b"a,b\rc,d", 2),
        (b"a\rb,c\n", 2),
        (b"a,b\r\nc\rd,e\r\n", 3),
        (b"a,b\r\r\n", None),
        (b"a,b\r", None),
        (b't,"a\rb"\n', None),
    ],
)
def test_a_carriage_return_in_mid_line_is_named(
    file: Path, scratch: Path, content: bytes, line: int | None
) -> None:
    written(file, b"token,userId\n" + content + b"\nx,y\n")
    expected = [(line, "has a carriage return that does not end the line")] if line else []
    assert [reject[:2] for reject in rejects_of(file, scratch)] == expected
    outcome = outcome_of(file, scratch, on_invalid="skip")
    assert outcome.members[-1] == {"token": "x", "userId": "y"}


@pytest.mark.parametrize("fault", ["", "a,b,c\n"], ids=["in DuckDB", "line by line"])
def test_an_identifier_longer_than_any_known_is_named(
    file: Path, scratch: Path, fault: str
) -> None:
    written(file, f"token,userId\n{'x' * 4096},a\n,{'y' * 4097}\n{fault}")
    rejects = rejects_of(file, scratch)
    assert rejects[0] == (3, "userId takes more than 4,096 bytes as JSON", f",{'y' * 999}")
    assert len(rejects) == 1 + bool(fault)


@pytest.mark.parametrize("length", [65_537, 1_000_000, 20_000_000])
@pytest.mark.parametrize("behind", ["", "b,c\nshort\n"], ids=["last", "amid others"])
def test_a_row_too_long_to_be_one_costs_that_row_alone(
    file: Path, scratch: Path, length: int, behind: str
) -> None:
    written(file, f"token,userId\na,b\n{'x' * length}\n{behind}")
    found = [(line, reason) for line, reason, _ in rejects_of(file, scratch)]
    assert found[0] == (3, "is longer than 65,536 bytes")
    assert found[1:] == [(5, "has 1 cell where the header has 2")] * bool(behind)
    assert outcome_of(file, scratch, on_invalid="skip").total == 1 + bool(behind)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "has no header: its first line must name the columns."),
        ("\ntoken\na\n", "has no header: its first line must name the columns."),
        ("token,userId\n", "is empty: it holds no row."),
        ("token,userId", "is empty: it holds no row."),
        ("token,userId\n\n\n", "is empty: it holds no row."),
        (
            "token,Token\n",
            "has the columns 'token' and 'Token', which both are token: leave one out "
            "(--ignore-columns).",
        ),
        (
            "token,androidId\na,\n",
            "has the column 'androidId', which no platform of the message knows; known are token, "
            "idfa, idfv, userId, devtodevId.",
        ),
        ("token:userId\na:b\n", "has the column 'token:userId', which no platform"),
        ("token user\na b\n", "has the column 'token user', which no platform"),
        ("token,\na,b\n", "has a value in a column without a name (column 2) (line 2): give it"),
        ("Unnamed: 0\n0\n", "has no column with an identifier; known are token"),
    ],
)
def test_a_file_that_cannot_be_an_audience_is_refused(
    file: Path, scratch: Path, content: str, expected: str
) -> None:
    for on_invalid in ("fail", "skip"):
        text = refusal_of(written(file, content), scratch, ["ios"], on_invalid=on_invalid)
        assert text.startswith(f"The audience {file} {expected}")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"token,userId,token", "has the column 'token' twice: keep one."),
        (b"token,\xff", "is not UTF-8."),
        (b"x" * 20_000_000, "is longer than 65,536 bytes: is it a text file?"),
        (b'token,"userId', "has a quote that is not closed, or does not enclose its whole cell."),
    ],
)
def test_a_header_that_cannot_be_read_is_refused(
    file: Path, scratch: Path, header: bytes, expected: str
) -> None:
    text = refusal_of(written(file, header + b"\na,b\n"), scratch)
    assert text == f"The header of the audience {file} {expected}"


def test_an_audience_without_a_valid_row_is_refused(file: Path, scratch: Path) -> None:
    written(file, "token,userId\n-,\n-,\n")
    assert refusal_of(file, scratch, on_invalid="skip") == (
        f"The audience {file} is empty: none of its 2 rows is valid."
    )


letters = st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Z"])
cells = st.builds(
    "{}{}{}".format,
    letters,
    st.text(letters | st.sampled_from('",\n; \\\t😀'), max_size=8),
    letters,
).filter(lambda text: text.lower() not in WORDS)
tokens = st.text(letters | st.sampled_from('",;\\😀'), min_size=7, max_size=8).filter(
    lambda text: text.lower() not in WORDS
)


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(tokens, cells), min_size=1, max_size=8), st.booleans())
def test_whatever_is_quoted_comes_back_as_it_was(
    tmp_path: Path, scratch: Path, rows: list[tuple[str, str]], faulty: bool
) -> None:
    lines = [",".join(map(quoted, row)) for row in rows]
    file = written(
        tmp_path / "round.csv", "\n".join(["token,userId", *lines, *["short"] * faulty]) + "\n"
    )
    outcome = outcome_of(file, scratch, on_invalid="skip")
    kept = list(dict.fromkeys(token for token, _ in rows))
    assert [member["token"] for member in outcome.members] == kept
    assert outcome.members[0] == {"token": rows[0][0], "userId": rows[0][1]}
    assert (outcome.read, outcome.invalid) == (len(rows) + faulty, int(faulty))


pieces = st.sampled_from(["a", "b", "", "", '"a"', '""', 'x"y', '"u,v"', '"n\nm"', '"q""\n""q"'])


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(pieces, pieces), max_size=6), st.booleans())
def test_line_by_line_a_file_reads_as_in_duckdb(
    tmp_path: Path, scratch: Path, rows: list[tuple[str, str]], narrow: bool
) -> None:
    cells = [("token", "userId"), ("good", "good"), *rows]
    lines = [row[0] if narrow else ",".join(row) for row in cells]
    file = written(tmp_path / "alike.csv", "\n".join(lines) + "\n")
    outcome, rejects = outcome_of(file, scratch, on_invalid="skip"), rejects_of(file, scratch)
    written(file, "\n".join([*lines, "one,two,three"]) + "\n")
    assert outcome_of(file, scratch, on_invalid="skip").members == outcome.members
    assert rejects_of(file, scratch)[:-1] == rejects


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=40) | st.text(st.sampled_from('ab",\n\r ')).map(str.encode))
def test_any_bytes_are_counted_and_named_or_refused(
    tmp_path: Path, scratch: Path, content: bytes
) -> None:
    file = written(tmp_path / "any.csv", b"token,userId\ngood,row\n" + content)
    rejects = tmp_path / "any.rejects.csv"
    outcome = outcome_of(file, scratch, on_invalid="skip", rejects=rejects)
    assert outcome.members[0]["token"].startswith("good")
    assert outcome.read == outcome.invalid + outcome.duplicates + outcome.total
    numbers = [line for line, _, _ in read_rejects(rejects)]
    assert len(numbers) == outcome.invalid
    assert numbers == sorted(set(numbers))
    assert all(2 <= number <= content.count(b"\n") + 3 for number in numbers)
