"""Small files as people's tools write them, each with what is right: members, or a refusal."""

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

DEVICE = "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad"
SPACED = " ".join(DEVICE[start : start + 8] for start in range(0, 64, 8))
CUT_SHORT = "{length = 32, bytes = 0x740f4707 bebcf74f ... 462c7eaf 61bb78ad }"


@dataclass(frozen=True)
class Case:
    """A file, and what comes of it with `skip`: members, invalid rows by number, or a refusal."""

    name: str
    content: bytes | str
    members: list[dict[str, Any]] = field(default_factory=list)
    invalid: dict[int, str] = field(default_factory=dict)
    refused: str = ""
    duplicates: int = 0
    absent: int = 0
    told: str = ""

    def write(self, directory: Path) -> Path:
        """The file in this directory; the content of a Parquet file is a query."""
        path = directory / self.name
        if path.suffix == ".parquet":
            assert isinstance(self.content, str)
            with duckdb.connect() as connection:
                connection.execute(f"COPY ({self.content}) TO '{path}' (FORMAT parquet)")
        else:
            text = self.content
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path


ANNA, BORIS, CARL = ({"userId": name} for name in ("anna", "boris", "carl"))
JUERGEN = {"token": "abc", "userId": "jürgen"}
ONE = {"token": "abc", "userId": "anna"}
FLOAT = "devtodevId is a float that is no plain whole number: export as integer or text"
LOST = "devtodevId is a float too large to be exact: export as integer or text"
WIDTH = "has 1 cell where the header has 2"
QUOTE = "has a quote that is not closed, or does not enclose its whole cell"
CONTROL = "userId holds the control character U+001A"
NO_TOKEN = "token is a description of NSData, which does not tell the token"

CASES = [
    Case(
        "null-token.csv",
        "token,userId\nNULL,anna\nnull,boris\nNone,carl\nabc,dora\n",
        [ANNA, BORIS, CARL, {"token": "abc", "userId": "dora"}],
        absent=3,
        told="3 cells count as absent: NULL (1), None (1), null (1).",
    ),
    Case(
        "backslash-n-token.csv",
        "token,userId\n\\N,anna\n\\N,boris\nabc,carl\n",
        [ANNA, BORIS, {"token": "abc", "userId": "carl"}],
        absent=2,
        told="2 cells count as absent: \\N (2).",
    ),
    Case(
        "blank-token.csv",
        "token,userId\n ,anna\n\t,boris\nabc,carl\n",
        [ANNA, BORIS, {"token": "abc", "userId": "carl"}],
        absent=2,
        told="2 cells count as absent: blank (2).",
    ),
    Case(
        "blanks.csv",
        "token,userId\nabc ,anna\n abc,boris\n\u200bdef\ufeff,carl\n",
        [ONE, {"token": "def", "userId": "carl"}],
        duplicates=1,
        told="3 values are trimmed of blanks: token (3).",
    ),
    Case(
        "sentinels.csv",
        "serialId,androidId,userId\nunknown,9774D56D682E549C,anna\nUNKNOWN,aaaa,\n000,,boris\n",
        [ANNA, {"androidId": "aaaa"}, BORIS],
        absent=4,
    ),
    Case(
        "cat-shards.csv",
        "token,userId\nabc,anna\n\ufefftoken,userId\ndef,boris\n",
        [ONE, {"token": "def", "userId": "boris"}],
        {3: "repeats the header"},
    ),
    Case(
        "cat-shards-otherwise.csv",
        "token,userId\nabc,anna\nTOKEN,USER_ID\ndef,boris\nuserId,token\n",
        [ONE, {"token": "def", "userId": "boris"}],
        {3: "repeats the header", 5: "repeats the header"},
    ),
    Case(
        "cat-one-column.csv",
        "userId\nanna\nUSERID\ntoken\n",
        [ANNA, {"userId": "token"}],
        {3: "repeats the header"},
    ),
    Case("ctrl-z.csv", b"userId\r\nanna\r\n\x1a", [ANNA], {3: CONTROL}),
    Case("ctrl-z-behind.csv", b"userId\r\nanna\r\nboris\x1a", [ANNA], {3: CONTROL}),
    Case(
        "idfa-case.csv",
        "idfa\nAAAAAAAA-1111-4222-8333-444444444444\naaaaaaaa-1111-4222-8333-444444444444\n",
        [{"idfa": "AAAAAAAA-1111-4222-8333-444444444444"}],
        duplicates=1,
    ),
    Case(
        "apns-forms.csv",
        f'token\n<{SPACED}>\n{DEVICE}\n{DEVICE.upper()}\n"{CUT_SHORT}"\nabc def\n',
        [{"token": DEVICE}],
        {5: NO_TOKEN, 6: "token holds a blank, so it can be no push token"},
        duplicates=2,
        told="1 token is read without the <> around it.",
    ),
    Case(
        "pandas-float-ids.parquet",
        "FROM (VALUES (4873214862074861312::DOUBLE, NULL), (NULL, 'u'), (7.0, NULL)) AS t "
        '("devtodevId", "userId")',
        [{"userId": "u"}, {"devtodevId": 7}],
        {1: LOST},
    ),
    Case(
        "pandas-float-ids.jsonl",
        '{"devtodevId":4.873214862e+18}\n{"devtodevId":9007199254740992.0}\n'
        '{"devtodevId":9007199254740991.0}\n{"devtodevId":0.99999999999999999999}\n',
        [{"devtodevId": 9007199254740991}],
        {1: FLOAT, 2: LOST, 4: FLOAT},
    ),
    Case(
        "float32.parquet",
        'FROM (VALUES (123456789::FLOAT), (16777215::FLOAT)) AS t ("devtodevId")',
        [{"devtodevId": 16777215}],
        {1: LOST},
    ),
    Case(
        "infinite.parquet",
        "FROM (VALUES ('inf'::DOUBLE), ('nan'::DOUBLE), (1)) AS t (\"devtodevId\")",
        [{"devtodevId": 1}],
        {1: FLOAT, 2: "has no identifier"},
    ),
    Case(
        "exponent.jsonl",
        '{"devtodevId":1e3}\n{"userId":1e3}\n{"userId":Infinity}\n{"userId":true}\n'
        '{"userId":NaN,"devtodevId":5}\n',
        [{"devtodevId": 5}],
        {
            1: FLOAT,
            2: FLOAT.replace("devtodevId", "userId"),
            3: "userId must be a text, not an infinite number",
            4: "userId must be a text, not true",
        },
    ),
    Case(
        "exponent.csv",
        "userId,devtodevId\nanna,1e3\nboris,9007199254740992.0\ncarl,7.0\n",
        [{"userId": "carl", "devtodevId": 7}],
        {2: FLOAT, 3: LOST},
    ),
    Case(
        "timestamp.parquet",
        'FROM (VALUES (TIMESTAMP \'2026-01-01\', NULL), (NULL, 5)) AS t ("userId", "devtodevId")',
        [{"devtodevId": 5}],
        {1: "userId must be a text, not of the type timestamp: export as integer or text"},
    ),
    Case(
        "boolean.parquet",
        'FROM (VALUES (true, NULL), (NULL, 5)) AS t ("userId", "devtodevId")',
        [{"devtodevId": 5}],
        {1: "userId must be a text, not of the type boolean: export as integer or text"},
    ),
    Case(
        "binary.parquet",
        "FROM (VALUES (encode('jürgen')), (encode('anna')), ('\\xFF'::BLOB)) AS t (\"userId\")",
        [{"userId": "jürgen"}, ANNA],
        {3: "userId holds bytes that are not UTF-8: export it as text"},
    ),
    Case(
        "quadratic.csv.gz",
        gzip.compress(b"token,userId\nabc,anna\n" + b'a","b\n' * 6000 + b'x"y\n', mtime=0),
        [ONE],
        dict.fromkeys(range(3, 6003), QUOTE) | {6003: WIDTH},
    ),
    Case(
        "utf16.csv",
        "token\tuserId\r\nabc\tjürgen\r\n".encode("utf-16"),
        [ONE | {"userId": "jürgen"}],
    ),
    Case("utf16-be.csv", b"\xfe\xff" + "token\tuserId\nabc\tanna\n".encode("utf-16-be"), [ONE]),
    Case("utf32.csv", "token|userId\nabc|anna\n".encode("utf-32"), [ONE]),
    Case("utf16.jsonl", '{"token":"abc","userId":"anna"}\r\n'.encode("utf-16"), [ONE]),
    Case(
        "utf16-cut.csv",
        "token\nabc\n".encode("utf-16")[:-1],
        refused="is no whole UTF-16: it is damaged or cut short, make it again.",
    ),
    Case(
        "utf16-without-mark.csv",
        "token\nabc\n".encode("utf-16-le"),
        refused="holds NUL characters: save the file as UTF-8.",
    ),
    Case("sep.csv", "sep=;\r\ntoken;userId\r\nabc;anna\r\n", [ONE]),
    Case("sep-quoted.csv", '\ufeff"sep=^"\r\ntoken^userId\r\nabc^anna\r\n', [ONE]),
    Case("semicolon.csv", "token;userId\r\nabc;anna\r\n", [ONE]),
    Case("pipe.csv", 'token|userId\nabc|"anna"\n', [ONE]),
    Case("tab.csv", "token\tuserId\nabc\tanna\n", [ONE]),
    Case(
        "comma-in-cell.csv",
        "userId;token\nmüller, anna;abc\n",
        [{"token": "abc", "userId": "müller, anna"}],
    ),
    Case("mac.csv", b"userId\ranna\rboris\r", [ANNA, BORIS]),
    Case("mac-utf16.csv", "userId\ranna\rboris\r".encode("utf-16"), [ANNA, BORIS]),
    Case("blank-columns.csv", "token,userId,,\r\nabc,anna,,\r\n, ,,\r\n", [ONE]),
    Case("comma-rows.csv", "token,userId\r\nabc,anna\r\n,\r\n \r\n,\r\n", [ONE]),
    Case(
        "comma-rows-faulty.csv",
        "token,userId\nabc,anna\n,\n , \nshort\n",
        [ONE],
        {5: "has 1 cell where the header has 2"},
    ),
    Case(
        "unnamed.csv",
        "token,userId,\nabc,anna,\ndef,boris,mail\n",
        refused="has a value in a column without a name (column 3) (line 3): give it a name",
    ),
    Case(
        "unnamed.jsonl",
        '{"token":"abc","":"mail"}\n',
        refused="has a value in a column without a name (line 1): give it a name",
    ),
    Case(
        "pandas-index.csv",
        ",token,userId\n0,abc,anna\n2,def,boris\n",
        [ONE, {"token": "def", "userId": "boris"}],
        told="The first column, which has no name, is left out, as pandas' index is.",
    ),
    Case("pandas-twice.csv", "Unnamed: 0,token,userId\n0,abc,anna\n", [ONE]),
    Case(
        "pandas-index.parquet",
        "FROM (VALUES ('anna', 0), ('carl', 2)) AS t (\"userId\", \"__index_level_0__\")",
        [ANNA, CARL],
        told="The column '__index_level_0__' is left out.",
    ),
    Case(
        "upper.csv",
        "TOKEN,USER_ID\nabc,anna\n",
        [ONE],
        told="The column 'USER_ID' is read as userId.",
    ),
    Case(
        "upper.jsonl",
        '{"TOKEN":"abc"}\n{"token":"def","user_id":"anna"}\n',
        [{"token": "abc"}, {"token": "def", "userId": "anna"}],
        told="The column 'TOKEN' is read as token.",
    ),
    Case(
        "case-twins.csv",
        "userId,USERID\nanna,boris\n",
        refused="has the columns 'userId' and 'USERID', which both are userId",
    ),
    Case(
        "case-twins.jsonl",
        '{"userId":"anna"}\n{"userId":"carl","USERID":"boris"}\n',
        [ANNA],
        {2: "has 'userId' and 'USERID', which both are userId"},
    ),
    Case(
        "bigquery.jsonl",
        '{"devtodevId":"123","userId":"anna"}\n{"devtodevId":" 12x","userId":"boris"}\n',
        [{"userId": "anna", "devtodevId": 123}],
        {2: "devtodevId must be a whole number of at most 64 bits"},
    ),
    Case(
        "int-userid.jsonl",
        '{"userId":1001}\n{"userId":123456789012345678901234567890}\n{"userId":1002.0}\n',
        [{"userId": "1001"}, {"userId": "123456789012345678901234567890"}, {"userId": "1002"}],
    ),
    Case(
        "spreadsheet-errors.csv",
        "userId,token\n#REF!,abc\nanna,abc\n#N/A,def\n",
        [{"token": "abc", "userId": "anna"}, {"token": "def"}],
        {2: "userId is an error of a spreadsheet"},
        absent=1,
    ),
]
