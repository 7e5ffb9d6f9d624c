"""Files of text in the encodings and with the ends of lines that spreadsheets write, as UTF-8."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dispatcher.audience.progress import Reporter
from dispatcher.errors import AudienceError

_PIECE = 1 << 20
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""A file of UTF-32 begins as one of UTF-16 does."""


def as_utf8(path: Path, name: str, scratch: Path, reporter: Reporter) -> Path:
    """A file of text whose lines end in line feeds: the path itself, or a new one in `scratch`.

    What half a surrogate pair encodes becomes bytes that are no UTF-8, which the reader finds on
    their line. Raises AudienceError where the file ends within a character.
    """
    with open(path, "rb") as file:
        piece = file.read(_PIECE)
    encoding = next((found for mark, found in _MARKS if piece.startswith(mark)), None)
    if encoding is not None:
        path = _written(_decoded(path, name, encoding), scratch / "decoded", reporter)
    if _ends_lines_with_returns(path):
        path = _written(_with_line_feeds(path), scratch / "lines", reporter)
    return path


def _written(pieces: Iterator[bytes], path: Path, reporter: Reporter) -> Path:
    with open(path, "wb") as file:
        for piece in pieces:
            file.write(piece)
            reporter.report("reading", 0)
    return path


def _decoded(path: Path, name: str, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    with open(path, "rb") as file:
        for piece in _pieces(file):
            yield decoder.decode(piece).encode("utf-8", "surrogatepass")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise AudienceError(
            f"The audience {name} is no whole {encoding.upper()}: it is damaged or cut short, make "
            "it again."
        ) from error


def _ends_lines_with_returns(path: Path) -> bool:
    """Whether carriage returns alone do; most files say otherwise in their first line."""
    with open(path, "rb") as file:
        first = file.read(_PIECE)
        return (
            b"\r" in first
            and b"\n" not in first
            and not any(b"\n" in piece for piece in _pieces(file))
        )


def _with_line_feeds(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        for piece in _pieces(file):
            yield piece.replace(b"\r", b"\n")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(_PIECE), b"")
