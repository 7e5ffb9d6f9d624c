"""Which stored audiences hold somebody: looked for in the chunks' own text, without an index.

Members are stored as compact JSON that this program writes, so an identifier stands there in one
way alone, but for the case of letters where that means nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books.copying import copy_in
from dispatcher.books.session import allow_long_statements

# Who is looked for stands in no statement, as statements are logged; settings, unlike temporary
# tables, are seen by the processes that read side by side.
_ASK = text("""
CREATE TEMPORARY TABLE looked_for (place serial, words text NOT NULL) ON COMMIT DROP
""")
_COPY = "COPY looked_for (words) FROM STDIN (ENCODING 'UTF8')"
_SET = text("""
SELECT set_config('dispatcher.looked_for_' || place, words, true) IS NULL FROM looked_for
""")
_SIDE_BY_SIDE = text("""
SET LOCAL max_parallel_workers_per_gather = 4;
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0
""")
_FIND = """
SELECT found.campaign_id, found.sequence, found.state, variant.name, campaign.created_at,
       found.settled_at
FROM (SELECT campaign_id, sequence, state, variant, settled_at FROM chunk WHERE {is_there}
      OFFSET 0) AS found
JOIN campaign ON campaign.id = found.campaign_id
LEFT JOIN variant ON variant.campaign_id = found.campaign_id AND variant.number = found.variant
ORDER BY campaign.created_at, campaign.id, found.sequence
"""
_SOUGHT = "current_setting('dispatcher.looked_for_{place}')"


@dataclass(frozen=True, slots=True)
class Found:
    """A chunk that holds the one who was looked for; its fields are the keys of `find --json`."""

    campaign: UUID
    chunk: int
    state: str
    variant: str | None
    created_at: datetime
    settled_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """One of the documents of `find --json`."""
        return {
            "campaign": str(self.campaign),
            "chunk": self.chunk,
            "state": self.state,
            "variant": self.variant,
            "created_at": self.created_at.isoformat(),
            "settled_at": self.settled_at and self.settled_at.isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Sought:
    """Who is looked for: the fragments of JSON one of which stands in whatever holds them, as
    written or in whatever case, and the bare value, which texts may quote.
    """

    fragments: tuple[str, ...] = field(repr=False)
    whatever_case: bool
    value: str = field(repr=False)

    def is_in(self, text: str) -> str:
        """Whether a text, an expression, holds them, once `look_for` was called."""
        text = f'lower({text} COLLATE "C")' if self.whatever_case else text
        sought = (_SOUGHT.format(place=place) for place in range(1, len(self.fragments) + 1))
        return f"({' OR '.join(f'position({each} IN {text}) > 0' for each in sought)})"

    def is_quoted_in(self, text: str) -> str:
        """Whether a text, an expression, quotes them, once `look_for` was called."""
        place = len(self.fragments) + 1
        return f"position(lower({_SOUGHT.format(place=place)}) IN lower({text})) > 0"


def look_for(connection: Connection, sought: Sought) -> None:
    """Let this transaction know who is looked for."""
    connection.execute(_ASK)
    wanted = [each.lower() if sought.whatever_case else each for each in sought.fragments]
    lines = iter(["".join(f"{_escaped(each)}\n" for each in (*wanted, sought.value)).encode(), b""])
    copy_in(connection, _COPY, lambda _: next(lines))
    connection.execute(_SET)


def find(connection: Connection, sought: Sought) -> tuple[Found, ...]:
    """The chunks that hold somebody, those of the oldest campaign first."""
    allow_long_statements(connection)
    look_for(connection, sought)
    connection.execute(_SIDE_BY_SIDE)
    rows = connection.execute(text(_FIND.format(is_there=sought.is_in("members"))))
    return tuple(Found(*row) for row in rows)


def _escaped(words: str) -> str:
    """As COPY's text format has it."""
    return "".join(_ESCAPES.get(each, each) for each in words)


_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
