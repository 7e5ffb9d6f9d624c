"""What a file holds, whatever its name says: told by its first bytes."""

import re
from typing import NamedTuple

import orjson

from dispatcher.audience.identifiers import IDENTIFIERS

HEAD = 4096
"""Bytes at a file's beginning that tell what it is."""


class Content(NamedTuple):
    """What a file is: `name` as a sentence says it, and what can be done about it.

    In `remedy`, {stem} stands for the file's name without its endings.
    """

    name: str
    remedy: str


CSV = Content("CSV", "call it {stem}.csv")
JSON_LINES = Content("JSON Lines", "call it {stem}.jsonl")
PARQUET = Content("Parquet", "call it {stem}.parquet")
GZIP = Content("gzip", "add .gz to its name, or unpack it")
ZSTANDARD = Content("Zstandard", "add .zst to its name, or unpack it")
WORKBOOK = Content("an Excel workbook", "call it {stem}.xlsx")

_JSON = Content(
    "one JSON document over several lines", "write one object a line, as `jq -c .` does"
)
_JSON_ARRAY = Content("one JSON array", "write one object a line, as `jq -c '.[]'` does")
_EXPORT = "export it as CSV, JSON Lines or Parquet"

_MAGIC = (
    (b"\x1f\x8b", GZIP),
    (b"\x28\xb5\x2f\xfd", ZSTANDARD),
    (b"PAR1", PARQUET),
    (b"BZh", Content("bzip2", "unpack it")),
    (b"\xfd7zXZ\0", Content("xz", "unpack it")),
    (b"7z\xbc\xaf\x27\x1c", Content("a 7-Zip archive", "unpack it, and give the file in it")),
    (b"Rar!", Content("a RAR archive", "unpack it, and give the file in it")),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        Content("an old or a protected Excel workbook", "save it as .xlsx without a password"),
    ),
    (b"SQLite format 3\0", Content("an SQLite database", "read it with --audience-sql")),
    (b"Obj\x01", Content("Avro", _EXPORT)),
    (b"ORC", Content("ORC", _EXPORT)),
    (b"ARROW1", Content("an Arrow file", _EXPORT)),
    (b"%PDF", Content("a PDF", _EXPORT)),
)
_ZIP = b"PK\x03\x04"
_ARCHIVE = Content("a zip archive", "unpack it, and give the file in it")
_TAR = Content("a tar archive", "unpack it, and give the file in it")
_TAR_MAGIC = (257, b"ustar")
_WEB_PAGE = Content("a web page", "the download may have failed: look into it")
_XML = Content("XML", _EXPORT)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NAMES = frozenset(each.name.lower() for each in IDENTIFIERS)


def content_of(head: bytes) -> Content | None:
    """What a file that begins so holds; None where nothing can be said.

    `head` are its first HEAD bytes, or all of it.
    """
    for magic, content in _MAGIC:
        if head.startswith(magic):
            return content
    if head.startswith(_ZIP):
        return WORKBOOK if b"[Content_Types].xml" in head or b"xl/" in head else _ARCHIVE
    place, magic = _TAR_MAGIC
    if head[place:].startswith(magic):
        return _TAR
    return _text(head.removeprefix(_BYTE_ORDER_MARK).lstrip())


def _text(text: bytes) -> Content | None:
    first, _, rest = text.partition(b"\n")
    first = first.strip()
    if first.startswith(b"{"):
        if first == b"{":
            return _JSON
        return JSON_LINES if _is_json(first) or (not rest and b'{"' in first) else None
    if first.startswith(b"["):
        objects = first == b"[" or first[1:].lstrip().startswith((b"{", b"]"))
        return _JSON_ARRAY if objects and _is_json(first) != bool(rest.strip()) else None
    if re.match(rb"<!doctype html|<html", text, re.IGNORECASE):
        return _WEB_PAGE
    if first.startswith(b"<?xml"):
        return _XML
    names = {
        cell.strip("\"' \ufeff").replace("_", "").lower()
        for cell in re.split(r"[,;\t|]", first.decode("utf-8", "replace"))
    }
    return CSV if names & _NAMES else None


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
