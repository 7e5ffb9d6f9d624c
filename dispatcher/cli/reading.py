"""What a person hands over by its name: a message, and what the columns of a file are."""

import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

import click

from dispatcher import message
from dispatcher.errors import MessageError, OptionError

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


def read_message(path: str, others: Mapping[str, Sequence[str]]) -> message.Message:
    """The checked message in a file, or on standard input; `others` name what may read that, too.

    Raises MessageError and OptionError.
    """
    streamed = [name for name, paths in {"message": [path], **others}.items() if "-" in paths]
    if len(streamed) > 1:
        raise OptionError(
            f"{' and '.join(streamed).capitalize()} cannot both come from standard input."
        )
    if path == "-" and sys.stdin is None:
        raise MessageError("The message cannot be read from standard input, which is closed.")
    try:
        with nullcontext(sys.stdin.buffer) if path == "-" else open(path, "rb") as file:
            content = file.read(message.LARGEST + 1)
    except OSError as error:
        raise MessageError(f"The message {path} cannot be read: {error.strerror}.") from error
    return message.parse(content, "standard input" if path == "-" else path)


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
