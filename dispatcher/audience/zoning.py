"""Which zone a member's clock is of: by a column of the audience, said in SQL for every source.

A zone is one of IANA's names, in lower case, of the engine's type `zone`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dispatcher.audience.absent import Absent
from dispatcher.audience.columns import Role, folded, text_of
from dispatcher.audience.dealing import Dealt, bare, is_nothing, rows, where_missing
from dispatcher.audience.engine import Engine, literal
from dispatcher.schedule import zone_names

_BARE, _FOUND = '"zone bare"', '"zone found"'
_TYPE = "CREATE TYPE zone AS ENUM ({names})"


@dataclass(frozen=True, slots=True)
class Zoning:
    """What stands in the column `name` says it; who names no zone has the `default`.

    Unless it is `required`, the column may be missing.
    """

    name: str
    default: str | None
    required: bool = True

    def prepare(self, engine: Engine) -> None:
        """Make the engine's type."""
        engine.run(_TYPE.format(names=", ".join(map(literal, zone_names()))))

    def is_in(self, column: str) -> bool:
        """Whether a column of this name is meant."""
        return folded(column) == folded(self.name)

    def dealt(self, absent: Absent) -> Dealt:
        """Names are compared without regard to case, as IANA's are told apart without it."""
        nothing = is_nothing(_BARE, absent)
        default = "NULL" if self.default is None else literal(self.default.lower())
        return Dealt(
            ((_BARE, bare(text_of(Role.ZONE))), (_FOUND, f"TRY_CAST(lower({_BARE}) AS zone)")),
            number=f"coalesce({_FOUND}, {default}::zone)",
            fault=self._fault(nothing),
            told=where_missing(_FOUND, nothing, "zone none", "zone unknown"),
        )

    def notes(self, counts: Mapping[str, int]) -> Iterator[str]:
        """A sentence on the rows that do not say their zone."""
        none, unknown = counts.get("none", 0), counts.get("unknown", 0)
        if none + unknown:
            yield (
                f"{rows(none + unknown, 'has', 'have')} the default zone, {self.default}: {none:,} "
                f"without a value in the column {self.name!r}, {unknown:,} with one that names no "
                "zone."
            )

    def _fault(self, nothing: str) -> str:
        if self.default is not None:
            return "NULL"
        return where_missing(
            _FOUND,
            nothing,
            f"has no zone in the column {self.name!r}",
            f"names no zone in the column {self.name!r}, as Europe/Berlin would: correct it, or "
            "give a default (--default-zone)",
        )
