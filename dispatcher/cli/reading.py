"""How a person says what the columns of a file are."""

import csv
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from dispatcher.errors import OptionError

Command = TypeVar("Command", bound=Callable[..., Any])


def columns_of(options: Sequence[str]) -> dict[str, str]:
    """The identifier in each column that an option names."""
    columns: dict[str, str] = {}
    for option in options:
        name, equals, identifier = option.rpartition("=")
        if not equals or not name:
            raise OptionError(f"--column {option!r} is no NAME=IDENTIFIER, as customer_id=userId.")
        if columns.setdefault(name, identifier) != identifier:
            raise OptionError(f"--column says two things of {name!r}: keep one.")
    return columns


def names_of(text: str) -> list[str]:
    """The names in a list with commas; one that holds a comma stands in quotes."""
    return [name for row in csv.reader([text], skipinitialspace=True) for name in row if name]


def column_options(command: Command) -> Command:
    """The options that say how columns are read, for a verb that reads members."""
    for option in reversed(_COLUMN_OPTIONS):
        command = option(command)
    return command


_COLUMN_OPTIONS = (
    click.option(
        "--column",
        "named",
        metavar="NAME=IDENTIFIER",
        multiple=True,
        help="What a column holds, as customer_id=userId; names match without regard to case and "
        "`_`. Several times for several.",
    ),
    click.option(
        "--ignore-columns",
        metavar="A,B|all",
        help="Leave these columns out, or all that are no identifier.",
    ),
    click.option(
        "--absent",
        metavar="WORD",
        multiple=True,
        help="What counts as nothing, in place of NULL, \\N, nan and the like. "
        "Several times for several.",
    ),
)
