"""The parts that an audience is made of: files, streams, rows, tables, queries."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from dispatcher.audience.query import Query

Form = Literal["csv", "jsonl", "parquet", "xlsx"]

FORMS: tuple[Form, ...] = ("csv", "jsonl", "parquet")
"""Those that a person may say; a workbook says it itself."""

ENDINGS: dict[str, Form] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}
PACKINGS = (".gz", ".zst")


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file. `name` is what the person called it, fit to be shown.

    `form` is what its name says, or else what the person says; `told` is what the person says,
    which counts where the content is that. `packing` is ".gz", ".zst" or "". `may_be_empty`: a part
    of a directory may lack even a header, as programs write it who had no row for it.
    """

    name: str
    path: Path
    form: Form
    told: Form | None = None
    packing: str = ""
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class StreamPart:
    """A binary stream, or standard input where there is none."""

    name: str
    form: Form
    stream: Any = None


@dataclass(frozen=True, slots=True)
class RowsPart:
    """Rows, each with names for its values."""

    rows: Iterable[object] = field(repr=False)
    name: str = "given"


@dataclass(frozen=True, slots=True)
class TablePart:
    """A data frame, or a table of Arrow."""

    table: Any = field(repr=False)
    name: str = "given"


@dataclass(frozen=True, slots=True)
class QueryPart:
    """A query in a database."""

    query: Query
    name: str = "query"


Part: TypeAlias = FilePart | StreamPart | RowsPart | TablePart | QueryPart


@dataclass(frozen=True, slots=True)
class Listing:
    """An audience's parts in their order; `name` is for sentences.

    `notes` tell what lies in the directories but is no part: markers and hidden files.
    """

    name: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()

    @property
    def several(self) -> bool:
        """Whether a line's number says nothing without its file's name."""
        return len(self.parts) > 1


def shown(path: str | os.PathLike[str]) -> str:
    """The path as a text that can be written anywhere, though it may be no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
