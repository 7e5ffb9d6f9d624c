"""Data frames and tables that speak Arrow, as Parquet files: one road for both.

Whatever has Arrow's stream of columns (pandas with pyarrow, Polars, Arrow itself, DuckDB) is read
through that, without its library.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from dispatcher.audience.engine import literal
from dispatcher.audience.scratch import is_full
from dispatcher.errors import AudienceError

_MEMORY = "100MB"
_ROWS_AT_ONCE = 20_480


def is_table(source: object) -> bool:
    """Whether it is a table of columns: something with Arrow's stream, or a frame of pandas."""
    return hasattr(source, "__arrow_c_stream__") or _has_rows(source)


def to_parquet(table: Any, path: Path) -> bool:
    """Write the table to `path`; False where it has no Arrow, but rows.

    A frame of pandas has none without pyarrow, or with values of several types in a column. Raises
    AudienceError where it cannot be read at all.
    """
    try:
        stream = table.__arrow_c_stream__()
    except Exception as error:
        if _has_rows(table):
            return False
        raise _unreadable(table, error) from error
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": _MEMORY,
        "threads": 1,
    }
    with duckdb.connect(config=config) as connection:
        connection.register("given", _Stream(stream))
        try:
            connection.execute(
                f"COPY given TO {literal(path)} (FORMAT parquet, ROW_GROUP_SIZE {_ROWS_AT_ONCE})"
            )
        except duckdb.Error as error:
            if is_full(error.__cause__ or error):
                raise
            raise _unreadable(table, error) from error
    return True


def rows_of(table: Any) -> Iterator[Mapping[str, object]]:
    """The rows of a frame of pandas, by its columns' names."""
    names = [str(name) for name in table.columns]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise AudienceError(f"The audience given has the column {twice[0]!r} twice: keep one.")
    return (dict(zip(names, row, strict=True)) for row in table.itertuples(index=False, name=None))


class _Stream:
    """Arrow's stream alone: DuckDB would want the library of what it knows by name."""

    def __init__(self, capsule: object) -> None:
        self._capsule = capsule

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._capsule


def _has_rows(table: object) -> bool:
    return hasattr(table, "itertuples") and hasattr(table, "columns")


def _unreadable(table: object, error: Exception) -> AudienceError:
    said = str(error).partition("\n")[0]
    return AudienceError(f"The audience, a {type(table).__name__}, cannot be read: {said}.")
