"""Output that any terminal takes: what its encoding has no letter for is said with others."""

import codecs
import io
import sys

_PLAIN = {"·": "-", "█": "#", "✓": "+", "✗": "x", "…": "..."}


def never_fail() -> None:
    """Let standard output and error replace what they cannot encode, instead of raising."""
    codecs.register_error("plainly", _plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plainly")


def is_unicode() -> bool:
    """Whether standard output takes every letter as it is."""
    return (sys.stdout.encoding or "").lower().startswith("utf")


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    """The drawn signs as plain ones, and anything else by its number, as in \\xe9."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    plain = (_PLAIN.get(x) or x.encode("ascii", "backslashreplace").decode() for x in letters)
    return "".join(plain), error.end
