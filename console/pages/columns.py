"""The columns of an upload, each with what it can be chosen to be. PURE."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from console.pages.order_form import BESIDE, LEFT_OUT
from dispatcher import IDENTIFIERS, Heading

MOST_SHOWN = 50
"""Columns that a page shows at a time."""

SAID = {
    "variant": "which variant they get",
    "zone": "their time zone",
    LEFT_OUT: "not read",
}
"""What is said of a column that holds no identifier."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `role` is what it is chosen to be or read as, "" where that is still open."""

    name: str
    values: tuple[str, ...]
    role: str
    choices: tuple[str, ...]
    may_tell: str | None

    @property
    def is_open(self) -> bool:
        """Whether somebody has to say what it is."""
        return not self.role


def columns_to_choose(
    headings: Iterable[Heading], platforms: Sequence[str], chosen: Mapping[str, str]
) -> list[Column]:
    """The columns, for a message of these platforms, with what was `chosen` before."""
    known = [each.name for each in IDENTIFIERS if each.platforms & frozenset(platforms)]
    choices = (*known, *BESIDE, LEFT_OUT)
    return [
        Column(
            each.name,
            each.values,
            _role(each, chosen.get(each.name, ""), choices),
            choices,
            each.may_tell,
        )
        for each in headings
    ]


def first_of(columns: Sequence[Column]) -> list[Column]:
    """As many as a page shows: those that somebody has to choose for before all others."""
    first = sorted(range(len(columns)), key=lambda at: not columns[at].is_open)[:MOST_SHOWN]
    return [columns[at] for at in sorted(first)]


def _role(heading: Heading, chosen: str, choices: Sequence[str]) -> str:
    if chosen in choices:
        return chosen
    return heading.identifier or (LEFT_OUT if heading.ignored else "")
