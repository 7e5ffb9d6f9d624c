"""Output that goes wherever it is led: any encoding, a closed stream, a disk that is full."""

import codecs
import errno
import io
import os
import sys
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


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    """The drawn signs as plain ones, and anything else by its number, as in \\xe9."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    plain = (_PLAIN.get(x) or x.encode("ascii", "backslashreplace").decode() for x in letters)
    return "".join(plain), error.end
