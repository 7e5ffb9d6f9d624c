"""What a person names as an audience, as the list of its parts: files, a stream, rows.

Everything counts, in the order given: several files, and the files of a directory by their names.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from io import IOBase
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias

from dispatcher.audience import tables
from dispatcher.audience.parts import (
    ENDINGS,
    FORMS,
    PACKINGS,
    FilePart,
    Form,
    Listing,
    Part,
    QueryPart,
    RowsPart,
    StreamPart,
    TablePart,
    shown,
)
from dispatcher.audience.query import Query
from dispatcher.errors import AudienceError, OptionError
from dispatcher.words import counted


class Table(Protocol):
    """A data frame or a table with Arrow's stream of columns."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any: ...


Source: TypeAlias = str | os.PathLike[str] | BinaryIO | Iterable[Any] | Table
"""Paths, of files or directories of parts ("-": standard input), a binary stream, rows, or tables.

A row is a Mapping or has names otherwise, as those of SQLAlchemy, sqlite3 and DictCursors do.
"""

STANDARD_INPUT = "-"

_SHOWN = 3


def listed(source: Source | None, form: str | None = None, query: Query | None = None) -> Listing:
    """The parts of an audience; what a query gives comes behind all others.

    `form`, one of FORMS, is that of standard input, of a stream, and of files whose names say none.
    Raises AudienceError, which names the file and the remedy, and OptionError for another form.
    """
    told = _form(form)
    asked = () if query is None else (QueryPart(query),)
    if source is None and asked:
        return Listing(asked[0].name, asked)
    found = _of_source(source, told)
    parts = (*found.parts, *asked)
    name = f"of {counted(len(parts), 'part')}" if asked else found.name
    return Listing(name, parts, found.notes)


def _of_source(source: Any, told: Form | None) -> Listing:
    if isinstance(source, str | os.PathLike):
        return _of_several([source], told)
    if tables.is_table(source):
        table = TablePart(source)
        return Listing(table.name, (table,))
    if isinstance(source, IOBase) or hasattr(source, "read"):
        stream = StreamPart("the stream", told or "jsonl", source)
        return Listing(stream.name, (stream,))
    if isinstance(source, Mapping | bytes) or not isinstance(source, Iterable):
        raise AudienceError(
            f"The audience must be a path or an iterable of dicts, not a {type(source).__name__}."
        )
    items = iter(source)
    first = list(_first(items))
    if first and (isinstance(first[0], str | os.PathLike) or tables.is_table(first[0])):
        return _of_several([*first, *items], told)
    rows = RowsPart(chain(first, items))
    return Listing(rows.name, (rows,))


def reads_standard_input(source: object) -> bool:
    """Whether it is, or is a list that holds, what stands for standard input."""
    if isinstance(source, list | tuple):
        return any(reads_standard_input(each) for each in source)
    return isinstance(source, str | os.PathLike) and os.fspath(source) == STANDARD_INPUT


def _form(form: str | None) -> Form | None:
    for known in FORMS:
        if form == known:
            return known
    if form is not None:
        raise OptionError(f"The format {form!r} is none of {', '.join(FORMS)}.")
    return None


def _first(items: Iterator[Any]) -> Iterator[Any]:
    """The first of the items, where there is one; what the iterator raises goes through."""
    for item in items:
        yield item
        return


def _of_several(paths: list[Any], told: Form | None) -> Listing:
    parts: list[Part] = []
    notes: list[str] = []
    for path in paths:
        if tables.is_table(path):
            parts.append(TablePart(path))
        elif not isinstance(path, str | os.PathLike):
            raise AudienceError(
                f"The audience's list of files holds a {type(path).__name__}: give paths alone, "
                "or rows alone."
            )
        elif os.fspath(path) == STANDARD_INPUT:
            parts.append(StreamPart("standard input", told or "jsonl"))
        elif os.path.isdir(path):
            found, others = _of_directory(Path(path), told)
            parts += found
            notes += others
        else:
            parts.append(_of_file(Path(path), told))
    if len([part for part in parts if isinstance(part, StreamPart)]) > 1:
        raise AudienceError("The audience names standard input twice: it can be read but once.")
    name = f"of {counted(len(parts), 'part')}"
    if len(paths) == 1:
        name = shown(paths[0]) if len(parts) > 1 else parts[0].name
    return Listing(name, tuple(parts), tuple(notes))


def _of_directory(directory: Path, told: Form | None) -> tuple[list[FilePart], list[str]]:
    """The parts in a directory by name, and a note of what is none.

    AudienceError names a stranger.
    """
    parts: list[FilePart] = []
    others: list[str] = []
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise AudienceError(
            f"The audience {shown(directory)} cannot be read: {error.strerror}."
        ) from error
    for name in names:
        path = directory / name
        if name.startswith((".", "_")) or name.endswith(".crc"):
            others.append(shown(name))
        elif path.is_dir():
            raise AudienceError(
                f"The audience {shown(directory)} has the directory {shown(name)} in it: name "
                "that one by itself."
            )
        else:
            parts.append(replace(_of_file(path, told), may_be_empty=True))
    if not parts:
        raise AudienceError(
            f"The audience {shown(directory)} is a directory without any part in it: known are "
            f"files that end in {', '.join(ENDINGS)}."
        )
    for part in parts:
        if part.form != parts[0].form:
            raise AudienceError(
                f"The audience {shown(directory)} has parts of two forms, {parts[0].name} and "
                f"{part.name}: leave one form there, or name the files one by one."
            )
    if not others:
        return parts, []
    more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
    note = (
        f"Left out of {shown(directory)}, as hidden files and markers are no parts: "
        f"{', '.join(others[:_SHOWN])}{more}."
    )
    return parts, [note]


def _of_file(path: Path, told: Form | None) -> FilePart:
    """The file, by the form and the packing that its name ends with, in upper or lower case."""
    name = path.name.lower()
    packing = next((ending for ending in PACKINGS if name.endswith(ending)), "")
    form = ENDINGS.get(Path(name.removesuffix(packing)).suffix, told)
    if not os.path.lexists(path):
        raise AudienceError(f"The audience {shown(path)} does not exist.")
    if form is None or (form == "parquet" and packing == ".zst") or (form == "xlsx" and packing):
        raise AudienceError(
            f"The audience {shown(path)} has an ending that says nothing: known are "
            f"{', '.join(ENDINGS)}, with .gz or .zst behind (.parquet and .xlsx pack themselves); "
            f"or say with --format which of {', '.join(FORMS)} it is."
        )
    return FilePart(shown(path), path, form, told, packing)
