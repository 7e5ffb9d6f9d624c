"""How a person says what the columns of a file are."""

import csv
from collections.abc import Sequence

from dispatcher.errors import OptionError


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
