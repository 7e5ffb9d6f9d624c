"""Why chunks' latest attempts failed, counted: of campaigns, and of each of their variants."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How many chunks' latest attempt ended with this error; the network's have no numbers."""

    http_status: int | None
    code: int | None
    message: str
    chunks: int
    members: int

    def is_like(self, other: "ErrorCount") -> bool:
        """Whether both count the same reason: the network's are told apart by their words."""
        mine, theirs = (self.http_status, self.code), (other.http_status, other.code)
        return mine == theirs and (self.http_status is not None or self.message == other.message)


Counted: TypeAlias = Mapping[int | None, Sequence[ErrorCount]]
"""By the variants' numbers, the most frequent first; all of a campaign's by None."""

_READ = text("""
SELECT campaign_id, variant, http_status, code,
       min(replace(error, pack_id, '(pack_id)')) AS message,
       count(*) AS chunks, sum(size - withheld) AS members
FROM chunk
WHERE campaign_id = ANY(:ids) AND error IS NOT NULL
GROUP BY campaign_id, http_status, code, CASE WHEN http_status IS NULL THEN error END,
         GROUPING SETS ((), (variant))
HAVING variant IS NOT NULL OR grouping(variant) = 1
ORDER BY members DESC
""")


def read(connection: Connection, ids: Sequence[UUID]) -> Mapping[UUID, Counted]:
    """The errors of these campaigns; a pack_id in the vendor's words is one like any other."""
    found: dict[UUID, dict[int | None, list[ErrorCount]]] = defaultdict(lambda: defaultdict(list))
    for row in connection.execute(_READ, {"ids": list(ids)}):
        found[row.campaign_id][row.variant].append(
            ErrorCount(row.http_status, row.code, row.message, row.chunks, row.members)
        )
    return found
