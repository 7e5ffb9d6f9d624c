"""How fast campaigns go, and how long they will take."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from dispatcher.books.holding import BY_ZONE, Held
from dispatcher.books.windows import stored_windows
from dispatcher.lifecycle import CampaignState
from dispatcher.schedule import Wave, foreseen_end


@dataclass(frozen=True, slots=True)
class Throughput:
    """What was done in the last ten seconds, a second, and how long it will take to end so.

    `eta_seconds` has the waiting for windows and zones in it; while a campaign waits for one of
    them it is worked out at the pace that it had, or at its rate.
    """

    members_per_second: float
    requests_per_second: float
    eta_seconds: float | None


_LAST_SECONDS = text("""
SELECT campaign.id, count(*) AS requests,
       coalesce(sum(chunk.members) FILTER (WHERE ended.chunk_state <> 'pending'), 0) AS members,
       least(10, greatest(1, extract(epoch FROM clock_timestamp() - campaign.started_at)))
           AS seconds
FROM campaign
CROSS JOIN LATERAL (
    SELECT campaign_id, sequence, chunk_state FROM attempt
    WHERE campaign_id = campaign.id AND ended_at > statement_timestamp() - interval '10 s'
    OFFSET 0) AS ended
CROSS JOIN LATERAL (
    SELECT size - withheld AS members FROM chunk
    WHERE campaign_id = ended.campaign_id AND sequence = ended.sequence
    OFFSET 0) AS chunk
WHERE campaign.id = ANY(:ids)
GROUP BY campaign.id
""")
_BEFORE = text("""
SELECT campaign.id, sum(size - withheld)
    / greatest(1, extract(epoch FROM max(latest.ended_at) - min(latest.started_at))) AS pace
FROM campaign
CROSS JOIN LATERAL (
    SELECT sequence, started_at, ended_at FROM attempt
    WHERE campaign_id = campaign.id ORDER BY ended_at DESC LIMIT 200) AS latest
JOIN chunk ON chunk.campaign_id = campaign.id AND chunk.sequence = latest.sequence
WHERE campaign.id = ANY(:ids)
GROUP BY campaign.id
""")
_WAVES = text(f"""
SELECT campaign.id, campaign.chunks_pending, due_at, count(*) AS chunks
FROM campaign JOIN chunk ON chunk.campaign_id = campaign.id
WHERE campaign.id = ANY(:ids) AND {BY_ZONE} AND chunk.state = 'pending'
  AND in_doubt_since IS NULL AND published_at IS NULL AND due_at > statement_timestamp()
GROUP BY campaign.id, due_at
""")
_WAITS = ("schedule", "window")


def read(
    connection: Connection, rows: Sequence[Row[Any]], holds: Mapping[UUID, Held]
) -> dict[UUID, Throughput]:
    """The throughput of the campaigns that these rows are, with `now` in each; `holds` by id."""
    live = [row for row in rows if row.finished_at is None]
    speeds = {
        row.id: row for row in connection.execute(_LAST_SECONDS, {"ids": [r.id for r in live]})
    }
    waiting = [campaign_id for campaign_id, hold in holds.items() if hold.by in _WAITS]
    paces = _paces_before(connection, waiting)
    waves = _waves(connection, [row.id for row in live])
    found = {row.id: Throughput(0.0, 0.0, None) for row in rows}
    for row in live:
        speed = speeds.get(row.id)
        requests, members = (0.0, 0.0) if speed is None else _a_second(speed)
        waits = not members and row.id in waiting
        pace = paces.get(row.id, _allowed(row)) if waits else members
        decides = row.id in holds and holds[row.id].by == "canary"
        found[row.id] = Throughput(
            members_per_second=round(members, 1),
            requests_per_second=round(requests, 1),
            eta_seconds=None if decides else _seconds_left(row, pace, waves.get(row.id, ())),
        )
    return found


def _a_second(speed: Row[Any]) -> tuple[float, float]:
    """Requests and members a second."""
    seconds = float(speed.seconds)
    return speed.requests / seconds, float(speed.members) / seconds


def _paces_before(connection: Connection, waiting: Sequence[UUID]) -> dict[UUID, float]:
    """The members a second that these campaigns made before they had to wait."""
    if not waiting:
        return {}
    return {row.id: float(row.pace) for row in connection.execute(_BEFORE, {"ids": waiting})}


def _waves(connection: Connection, live: Sequence[UUID]) -> dict[UUID, list[Wave]]:
    """What of these campaigns begins later by its members' clocks, as a part of what is pending."""
    waves: dict[UUID, list[Wave]] = defaultdict(list)
    for row in connection.execute(_WAVES, {"ids": list(live)}):
        part = row.chunks / max(row.chunks_pending, row.chunks)
        waves[row.id].append(Wave(row.due_at, part))
    return waves


def _allowed(row: Row[Any]) -> float:
    """The members a second that the campaign's rate comes to; 0 where it has none."""
    rate = min(row.rate or inf, row.planned_rate or inf)
    return 0.0 if rate == inf else float(rate * row.members_total / row.chunks_total)


def _seconds_left(row: Row[Any], pace: float, waves: Sequence[Wave]) -> float | None:
    if pace <= 0 or row.state not in (CampaignState.RUNNING, CampaignState.SCHEDULED):
        return None
    try:
        windows = stored_windows(row.windows) if row.opens_at else None
    except LookupError:
        return None
    begin = max(filter(None, (row.now, row.send_at)))
    end = foreseen_end(row.members_remaining / pace, windows, waves, begin)
    return round(float((end - row.now).total_seconds()), 1)
