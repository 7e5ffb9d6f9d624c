"""How a person wants an audience to be read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dispatcher.audience import absent as words
from dispatcher.audience import columns as named
from dispatcher.audience.absent import Absent
from dispatcher.audience.columns import Columns


@dataclass(frozen=True, slots=True)
class Rules:
    """Which column is what, and what counts as nothing; `salt` goes into the members' keys."""

    columns: Columns
    absent: Absent
    salt: str


def rules(
    columns: Mapping[str, str] | None,
    ignore_columns: Iterable[str] | str | None,
    absent: Iterable[str] | str | None,
    salt: str,
) -> Rules:
    """The rules that these options say; OptionError where one cannot be followed."""
    return Rules(named.columns(columns, ignore_columns), words.absent(absent), salt)
