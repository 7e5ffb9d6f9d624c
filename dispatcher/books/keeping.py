"""Which audiences are still kept after their campaign's end, and how much room they take."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Audiences:
    """The audiences of so many campaigns, and the bytes that they take where they are stored.

    `scratch` are the directories on this machine in which killed producers left an audience.
    """

    campaigns: int
    members: int
    bytes: int
    scratch: int = 0

    def as_json(self) -> dict[str, Any]:
        """The document of `purge --json`: what was in the books."""
        return {"campaigns": self.campaigns, "members": self.members, "bytes": self.bytes}


KEPT = "finished_at <= statement_timestamp() - CAST(:keep AS interval) AND purged_to < chunks_total"
_DUE = text(f"SELECT id FROM campaign WHERE {KEPT} ORDER BY finished_at LIMIT :most")
_MEASURE = text(f"""
SELECT count(DISTINCT campaign.id) AS campaigns,
       coalesce(sum(chunk.size - chunk.withheld), 0) AS members,
       coalesce(sum(pg_column_size(chunk.members)), 0) AS bytes
FROM campaign
JOIN chunk ON chunk.campaign_id = campaign.id AND chunk.sequence > campaign.purged_to
WHERE {KEPT}
""")


def due(connection: Connection, keep: timedelta | None, *, most: int | None = None) -> list[UUID]:
    """Campaigns that ended `keep` ago and still have their audience, the oldest end first.

    None keeps them for good.
    """
    return list(connection.scalars(_DUE, {"keep": keep, "most": most}))


def measure(connection: Connection, keep: timedelta | None) -> Audiences:
    """The audiences of the campaigns that ended `keep` ago."""
    row = connection.execute(_MEASURE, {"keep": keep}).one()
    return Audiences(row.campaigns, int(row.members), int(row.bytes))
