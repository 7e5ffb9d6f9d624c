"""The sum of a campaign's chunks, which the campaign's row repeats."""

from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.lifecycle import SETTLED, ChunkState


def _sums() -> dict[str, str]:
    """Each counter of the campaign's row, and the sum over its chunks that it repeats."""
    sums = {f"chunks_{state}": f"count(*) FILTER (WHERE state = '{state}')" for state in ChunkState}
    sums |= {
        f"members_{state}": f"coalesce(sum(size) FILTER (WHERE state = '{state}'), 0)"
        for state in SETTLED
    }
    sums["members_remaining"] = (
        "coalesce(sum(size) FILTER (WHERE state IN ('pending', 'sending')), 0)"
    )
    sums |= {
        f"result_{number}": f"coalesce(sum({number}), 0)"
        for number in ("audience", "successful", "erroneous")
    }
    return sums


_SUMS = _sums()
_SUM_UP = text(f"""
UPDATE campaign
SET {", ".join(f"{name} = sums.{name}" for name in _SUMS)}
FROM (SELECT {", ".join(f"{sum_} AS {name}" for name, sum_ in _SUMS.items())}
      FROM chunk WHERE campaign_id = :campaign_id) AS sums
WHERE campaign.id = :campaign_id
  AND ({", ".join(f"campaign.{name}" for name in _SUMS)})
      IS DISTINCT FROM ({", ".join(f"sums.{name}" for name in _SUMS)})
""")


def sum_up(connection: Connection, campaign_id: UUID) -> None:
    """Write the sum of the chunks' rows on the campaign's row, which the caller has locked."""
    connection.execute(_SUM_UP, {"campaign_id": campaign_id})
