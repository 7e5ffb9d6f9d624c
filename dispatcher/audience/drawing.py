"""Which members go first, as a sample of all: the table `drawn` of their places in `checked`.

A hash draws, with a salt of its own: so it says nothing of the variant that a split deals, and the
same members are drawn whatever the order of the rows.
"""

from dataclasses import dataclass
from math import ceil

from dispatcher.audience.engine import Engine, literal

MOST_TOGETHER = 50
"""Members of one chunk: what too many errors stop is looked at between requests."""

_DRAW = """
    CREATE TABLE drawn AS
    SELECT rowid AS place FROM checked
    WHERE key IS NOT NULL AND rowid NOT IN (SELECT place FROM left_out)
    ORDER BY md5_number({salt} || text), rowid LIMIT {size}"""


@dataclass(frozen=True, slots=True)
class Drawing:
    """So many members, or such a `share` of them: one of both is given."""

    count: int | None
    share: float | None
    salt: str

    def size(self, total: int) -> int:
        """How many of so many members are drawn."""
        if self.count is not None:
            return self.count
        assert self.share is not None
        return ceil(round(total * self.share, 6))

    def draw(self, engine: Engine, total: int) -> None:
        """Make the table, from those who are not left out."""
        engine.run(_DRAW.format(salt=literal(self.salt), size=self.size(total)))
