"""Rows of an application, a database or a data frame, each as a line of JSON.

Nothing is checked here but what JSON cannot hold: one place decides what a valid row is, and that
is `checking`. A row that cannot be read becomes an array, [reason, the row's text].
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from math import isinf
from numbers import Integral, Real
from typing import Any

import orjson

from dispatcher.audience.unpacking import LONGEST_LINE, TOO_LONG

_LONGEST_SHOWN = 1000
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME
_NOTHING = frozenset({"NAType", "NaTType"})
"""The types of what pandas has for nothing, beside NaN."""

_EXACT_IN_SHORT_FLOATS = 2**24


def line(row: object) -> bytes:
    """The row's line: an object of its values, or an array of what is wrong with it."""
    named = row if type(row) is dict else _named(row)
    if named is None:
        return fault(f"is not a dict but a {type(row).__name__}", repr(row))
    if type(named) is _Twice:
        return fault("has two columns of the same name", repr(row))
    try:
        written = orjson.dumps(named, _as_json, _OPTIONS)
        if b"null" in written:  # which is what an infinite number would silently become
            _refuse_infinite(named)
    except (TypeError, ValueError):
        return _line_by_values(named)
    return written if len(written) <= LONGEST_LINE else fault(TOO_LONG, written.decode())


def fault(reason: str, text: str) -> bytes:
    """A line that tells what is wrong with a row, and what it says."""
    shown = [part[:_LONGEST_SHOWN].encode("utf-8", "backslashreplace") for part in (reason, text)]
    return orjson.dumps([part.decode() for part in shown])


def _named(row: Any) -> Mapping[Any, object] | None:
    """The row's values by their names, whatever kind of row it is; None where it has no names."""
    if isinstance(row, Mapping):
        return row
    if hasattr(row, "_fields") and hasattr(row, "__getitem__"):  # SQLAlchemy's Row, a named tuple
        return _by_names(list(row._fields), row.__getitem__, positions=True)
    if callable(getattr(row, "keys", None)) and hasattr(row, "__getitem__"):
        return _by_names(list(row.keys()), row.__getitem__)
    return None


class _Twice(dict[Any, object]):
    """Values of which two have the same name, so that one would silently be lost."""


def _by_names(
    names: list[Any], value: Callable[[Any], object], positions: bool = False
) -> Mapping[Any, object]:
    found = {name: value(at if positions else name) for at, name in enumerate(names)}
    return found if len(found) == len(names) else _Twice(found)


def _as_json(value: object) -> object:
    """What databases and data frames hand over in place of plain values."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Decimal):
        return _whole(value)
    if isinstance(value, Real):
        return _float(value)
    if isinstance(value, bytes | bytearray | memoryview):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError as error:
            raise TypeError("it holds bytes that are not UTF-8: export it as text") from error
    if type(value).__name__ in _NOTHING:
        return None
    raise TypeError(f"a {type(value).__name__} is neither a text nor a number")


def _whole(value: Decimal) -> int | str | None:
    if value.is_nan():
        return None
    if not value.is_finite() or value % 1 != 0:
        raise TypeError("a Decimal is neither a text nor a number")
    return int(value)


def _float(value: Real) -> float:
    """A float of another width than Python's."""
    plain = float(value)
    if type(value).__name__ in ("float32", "float16") and abs(plain) >= _EXACT_IN_SHORT_FLOATS:
        raise TypeError(
            f"a {type(value).__name__} of so many digits may have lost some: export it as integer "
            "or text"
        )
    return plain


def _refuse_infinite(row: Mapping[Any, object]) -> None:
    for value in row.values():
        if isinstance(value, float) and isinf(value):
            raise ValueError("an infinite number")


def _line_by_values(row: Mapping[Any, object]) -> bytes:
    """The line of a row that cannot be written at once, or what is wrong with one of its values."""
    plain: dict[Any, object] = {}
    for key, value in row.items():
        # An integer beyond 64 bits stays as exact as a text.
        whole = int(value) if isinstance(value, Integral | Decimal) and _is_whole(value) else None
        plain[key] = str(whole) if whole is not None and whole.bit_length() > 63 else value
        try:
            if isinstance(value, float) and isinf(value):
                raise TypeError("an infinite number is no identifier")
            orjson.dumps({key: plain[key]}, _as_json, _OPTIONS)
        except TypeError as error:
            reason = f"cannot be read at {key!r}: {error.__cause__ or error}"
            return fault(reason, repr(dict(row)))
    written = orjson.dumps(plain, _as_json, _OPTIONS)
    return written if len(written) <= LONGEST_LINE else fault(TOO_LONG, written.decode())


def _is_whole(value: Integral | Decimal) -> bool:
    return not isinstance(value, Decimal) or (value.is_finite() and value % 1 == 0)
