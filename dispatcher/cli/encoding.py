"""Output that goes wherever it is led: any encoding, a closed stream, a disk that is full.

What would steer a terminal (control characters, and those that turn the direction of writing) is
shown and not obeyed, as it may come from a file, from the vendor or from an application.
"""

import codecs
import errno
import io
import json
import os
import sys
import unicodedata
from collections.abc import Callable
from typing import TextIO

_UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE)
_PLAIN = {"·": "-", "█": "#", "✓": "+", "✗": "x", "…": "..."}


def never_fail() -> None:
    """Let standard output and error replace what they cannot encode, instead of raising.

    One that is closed is led to nowhere: else the next file or socket would become it.
    """
    codecs.register_error("plainly", _plainly)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plainly")


def why_unwritten(error: BaseException | None) -> OSError | None:
    """Why what was printed does not reach standard output, if so; it is given up then.

    `error` is what ended the program: an unbuffered output tells nothing later.
    """
    why = error if isinstance(error, OSError) and error.errno in _UNWRITTEN else None
    try:
        sys.stdout.flush()
    except OSError as refused:
        why = refused
    if why is not None:
        give_up(sys.stdout)
    return why


def give_up(stream: TextIO) -> None:
    """Lead nowhere what a stream still holds: Python would try once more at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def is_unicode() -> bool:
    """Whether standard output takes every letter as it is."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


def visible(text: str, lines: bool = False) -> str:
    """The text with what would steer a terminal written out, as in \\x1b; `lines` may end lines."""
    parts = text.split("\n") if lines else [text]
    return "\n".join(_written_out(part, _escaped) for part in parts)


def visible_json(text: str) -> str:
    """A JSON text that stands for the same, with nothing in it that would steer a terminal."""
    return "\n".join(_written_out(line, _escaped_in_json) for line in text.split("\n"))


def _written_out(text: str, escaped: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(letter if _is_harmless(letter) else escaped(letter) for letter in text)


def _is_harmless(letter: str) -> bool:
    return letter.isprintable() or unicodedata.category(letter) == "Zs"


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def _escaped_in_json(letter: str) -> str:
    return json.dumps(letter)[1:-1]


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    """The drawn signs as plain ones, and anything else by its number, as in \\xe9."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    plain = (_PLAIN.get(x) or x.encode("ascii", "backslashreplace").decode() for x in letters)
    return "".join(plain), error.end
