"""The members who were not delivered to, as the lines of a file."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from io import StringIO
from typing import Literal

from dispatcher import outputs
from dispatcher.audience.identifiers import IDENTIFIERS
from dispatcher.books.failures import Failure, Forgotten, Unnamed
from dispatcher.errors import OptionError

Form = Literal["csv", "jsonl"]

_NAMES = tuple(identifier.name for identifier in IDENTIFIERS)
COLUMNS = (
    *("chunk", "state", "precision", "reason", "http_status", "code", "variant"),
    *_NAMES,
)
"""Of the table that a spreadsheet may open."""


def cells(failure: Failure) -> Iterator[object]:
    """A row below these columns; what a spreadsheet would compute is for the writer to see to."""
    yield from (getattr(failure, name) for name in COLUMNS[: -len(_NAMES)])
    yield from (failure.member.get(name) for name in _NAMES)


def json_line(failure: Failure) -> str:
    """A line of JSON Lines."""
    return json.dumps(asdict(failure), ensure_ascii=False) + "\n"


def lines(found: Iterable[Failure | Unnamed | Forgotten], form: str) -> Iterator[str]:
    """The lines of a file, those of the members who have a name. Raises OptionError, at once."""
    if form not in ("csv", "jsonl"):
        raise OptionError(f"{form!r} is no form of a file of failures; known are csv and jsonl.")
    named = (each for each in found if isinstance(each, Failure))
    return map(json_line, named) if form == "jsonl" else _csv_lines(named)


def _csv_lines(named: Iterable[Failure]) -> Iterator[str]:
    yield _csv_line(COLUMNS)
    for failure in named:
        yield _csv_line(map(outputs.harmless, cells(failure)))


def _csv_line(row: Iterable[object]) -> str:
    file = StringIO()
    csv.writer(file).writerow(row)
    return file.getvalue()
