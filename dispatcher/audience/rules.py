"""How a person wants an audience to be read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dispatcher.audience import absent as words
from dispatcher.audience import columns as named
from dispatcher.audience.absent import Absent
from dispatcher.audience.columns import Columns, Role
from dispatcher.audience.dealing import ByColumn, Dealing
from dispatcher.audience.zoning import Zoning


@dataclass(frozen=True, slots=True)
class Rules:
    """Which column is what, and what counts as nothing; `salt` goes into the members' keys.

    `dealing` says which text a member gets, where there are several, and `zoning` by which clock,
    where each has a time of its own.
    """

    columns: Columns
    absent: Absent
    salt: str
    dealing: Dealing | None = None
    zoning: Zoning | None = None


def rules(
    columns: Mapping[str, str] | None,
    ignore_columns: Iterable[str] | str | None,
    absent: Iterable[str] | str | None,
    salt: str,
    dealing: Dealing | None = None,
    zoning: Zoning | None = None,
) -> Rules:
    """The rules that these options say; OptionError where one cannot be followed."""
    beside = {Role.VARIANT: dealing.name} if isinstance(dealing, ByColumn) else {}
    beside |= {} if zoning is None else {Role.ZONE: zoning.name}
    said = named.columns(columns, ignore_columns, beside)
    return Rules(said, words.absent(absent), salt, dealing, zoning)
