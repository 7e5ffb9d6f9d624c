"""Styled text and tables on a terminal, and the same words without colours elsewhere.

A library for this takes longer to load than all else that a verb does.
"""

import os
import shutil
import sys
from collections.abc import Collection, Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import TextIO
from unicodedata import combining, east_asian_width

from dispatcher.cli.encoding import visible

Cell = tuple[str, str]
"""A text and its style, as in `("running", "bold cyan")`."""

_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}
_BETWEEN = "  "


def styled(text: str, style: str = "") -> str:
    """The text in this style where standard output shows any; it cannot steer the terminal."""
    return painted(text, style if shows_colours(sys.stdout) else "")


def painted(text: str, style: str) -> str:
    """The text in this style, whatever shows it."""
    plain = visible(text)
    if not (style and plain):
        return plain
    codes = ";".join(str(_CODES[word]) for word in style.split())
    return f"\x1b[{codes}m{plain}\x1b[0m"


def table(rows: Sequence[Sequence[Cell]], right: Collection[int] = ()) -> Iterator[str]:
    """The rows' lines, their cells below one another; in the columns `right` they end so."""
    columns = zip_longest(*rows, fillvalue=("", ""))
    widths = [max(width_of(text) for text, _ in column) for column in columns]
    for row in rows:
        cells = [
            _filled(cell, width, number in right)
            for number, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        yield _BETWEEN.join(cells).rstrip()


def paragraph(text: str, style: str, indent: int) -> Iterator[str]:
    """The text in lines as wide as the terminal, or eighty letters where there is none."""
    columns = shutil.get_terminal_size().columns
    for line in wrap(text, max(20, columns - indent - 2)):
        yield " " * indent + styled(line, style)


def cropped(text: str, most: int) -> str:
    """The text, or its beginning where it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _filled(cell: Cell, width: int, right: bool) -> str:
    text, style = cell
    space = " " * (width - width_of(text))
    return f"{space}{styled(text, style)}" if right else f"{styled(text, style)}{space}"


def width_of(text: str) -> int:
    """How many columns of a terminal it takes."""
    text = visible(text)
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text
    )


def shows_colours(output: TextIO) -> bool:
    """Whether this output shows any."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return output.isatty() and not plain
