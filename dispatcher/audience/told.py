"""What was read otherwise than it stands in the source: counted, and said in sentences."""

from collections.abc import Iterable

from dispatcher.audience.columns import Layout
from dispatcher.audience.dealing import ByColumn
from dispatcher.audience.engine import Engine
from dispatcher.audience.identifiers import Identifier
from dispatcher.audience.progress import Reporter
from dispatcher.audience.rules import Rules
from dispatcher.words import counted

_LINES = """
    SELECT line, count(*) FROM (SELECT unnest(string_split(told, chr(10))) AS line
                                FROM {table} WHERE told IS NOT NULL)
    GROUP BY line ORDER BY count(*) DESC, line"""

_SHOWN = 10


class Told:
    """Notes for whoever gave the source, each of them once.

    `absent` counts cells; `names` are those that columns have, `held` the identifiers in them.
    """

    def __init__(self, reporter: Reporter, where: str = "") -> None:
        self._notes = reporter.notes
        self._where = where
        self.absent = 0
        self.names: set[str] = set()
        self.held: set[Identifier] = set()

    @property
    def all(self) -> tuple[str, ...]:
        """All notes, these and those of others."""
        return tuple(self._notes)

    def read_by(self, layout: Layout) -> None:
        """Take up how the columns of one part were read."""
        self.names.update(layout.names)
        self.held.update(layout.held)
        self.add(layout.told())

    def add(self, notes: Iterable[str]) -> None:
        """Take these sentences up."""
        for note in notes:
            whole = f"{self._where}{note}"
            if whole not in self._notes:
                self._notes.append(whole)

    def count(self, engine: Engine, table: str, rules: Rules) -> None:
        """Take up what the rows of the table tell, see `checking`."""
        with engine.rows(_LINES.format(table=table)) as rows:
            lines: list[tuple[str, int]] = rows.fetchall()
        found = [(line.partition(" "), count) for line, count in lines]
        words = [(word, count) for (what, _, word), count in found if what == "absent"]
        trimmed = [(name, count) for (what, _, name), count in found if what == "trimmed"]
        unwrapped = sum(count for (what, _, _), count in found if what == "unwrapped")
        self.absent = sum(count for _, count in words)
        if words:
            cells = "1 cell counts" if self.absent == 1 else f"{self.absent:,} cells count"
            self.add([f"{cells} as absent: {_listed(words)}."])
        if trimmed:
            values = _are(sum(count for _, count in trimmed), "value")
            self.add([f"{values} trimmed of blanks: {_listed(trimmed)}."])
        if unwrapped:
            self.add([f"{_are(unwrapped, 'token')} read without the <> around it."])
        if isinstance(rules.dealing, ByColumn):
            self.add(rules.dealing.notes(_counts(found, "variant")))
        if rules.zoning is not None:
            self.add(rules.zoning.notes(_counts(found, "zone")))


def _counts(found: Iterable[tuple[tuple[str, str, str], int]], of: str) -> dict[str, int]:
    return {how: count for (what, _, how), count in found if what == of}


def _are(count: int, one: str) -> str:
    return f"{counted(count, one)} {'is' if count == 1 else 'are'}"


def _listed(counts: list[tuple[str, int]]) -> str:
    more = f", and {len(counts) - _SHOWN:,} more" if len(counts) > _SHOWN else ""
    return ", ".join(f"{what} ({count:,})" for what, count in counts[:_SHOWN]) + more
