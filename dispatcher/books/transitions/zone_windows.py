"""Windows on each member's own clock: a chunk is due when the next one opens in its zone."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books.transitions.summing import STEP
from dispatcher.errors import OptionError
from dispatcher.schedule import (
    Due,
    Window,
    check_due_in_time,
    due_in,
    moment_of,
    on_members_clocks,
    zone_named,
)

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_FACTS = text("""
SELECT wall_time, expires_at, clock_timestamp() AS now,
    EXISTS (SELECT FROM chunk WHERE campaign_id = campaign.id AND zone IS NULL) AS lacks_zones,
    EXISTS (SELECT FROM chunk WHERE campaign_id = campaign.id AND closes_at IS NOT NULL) AS had_any
FROM campaign WHERE id = :campaign_id
""")
_ZONES = text("""
SELECT DISTINCT zone FROM chunk
WHERE campaign_id = :campaign_id AND state IN ('pending', 'sending')
""")
# What is on the wire may come back outside of the new window: it has its turn then.
_SET = text("""
UPDATE chunk
SET closes_at = CASE WHEN state = 'sending' AND due.closes_at IS NOT NULL
                     THEN clock_timestamp() ELSE due.closes_at END,
    due_at = CASE WHEN state = 'pending' AND in_doubt_since IS NULL
                  THEN due.at ELSE chunk.due_at END
FROM unnest(CAST(:zones AS text[]), CAST(:ats AS timestamptz[]), CAST(:closings AS timestamptz[]))
    AS due(zone, at, closes_at)
WHERE campaign_id = :campaign_id AND state IN ('pending', 'sending') AND chunk.zone = due.zone
""")
_CLOSED = text("""
SELECT DISTINCT zone, clock_timestamp() AS now FROM (
    SELECT zone FROM chunk
    WHERE campaign_id = :campaign_id AND closes_at <= statement_timestamp()
      AND state = 'pending' AND in_doubt_since IS NULL) AS closed
""")
_TURN = text("""
WITH closed AS (
    SELECT sequence FROM chunk
    WHERE campaign_id = :campaign_id AND closes_at <= statement_timestamp() AND zone = :zone
      AND state = 'pending' AND in_doubt_since IS NULL
    LIMIT :step FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE chunk SET due_at = greatest(due_at, :at), closes_at = :closes_at
WHERE campaign_id = :campaign_id AND sequence = ANY(ARRAY(SELECT sequence FROM closed))
""")


def set_zone_windows(
    connection: Connection, campaign_id: UUID, windows: Sequence[Window] | None
) -> None:
    """Let each chunk begin in these windows, by its zone's clock; the campaign's row is locked.

    Where none of them is on members' own clocks, chunks are due as if there had never been one.
    Raises OptionError where the members' zones are not known, or the campaign expires before a
    window opens in one.
    """
    facts = connection.execute(_FACTS, {"campaign_id": campaign_id}).one()
    if on_members_clocks(windows):
        if facts.lacks_zones:
            raise OptionError(
                f"The zones of campaign {campaign_id}'s members are not known: a window may be "
                "`local` where it was sent with the column of their zones (--zone-column)."
            )
    elif not facts.had_any:
        return
    dues: dict[str, Due] = {}
    for name in connection.scalars(_ZONES, {"campaign_id": campaign_id}):
        zone = _known(name)
        begin = facts.now if facts.wall_time is None else moment_of(facts.wall_time, zone)
        dues[name] = due = due_in(windows, zone, max(begin, facts.now))
        check_due_in_time(due, name, facts.expires_at)
    _set(connection, campaign_id, dues)


def _set(connection: Connection, campaign_id: UUID, dues: dict[str, Due]) -> None:
    values = {
        "campaign_id": campaign_id,
        "zones": list(dues),
        "ats": [due.at for due in dues.values()],
        "closings": [due.closes_at for due in dues.values()],
    }
    connection.execute(_SET, values)


def turn_zones(connection: Connection, campaign_id: UUID, windows: Sequence[Window]) -> None:
    """Where the windows have closed in a zone, let its chunks be due when they open again.

    A step of them, if they are very many. Raises LookupError where a zone is not known here.
    """
    now: datetime
    for name, now in connection.execute(_CLOSED, {"campaign_id": campaign_id}).all():
        due = due_in(windows, _known(name), now)
        values = {"zone": name, "at": due.at, "closes_at": due.closes_at, "step": STEP}
        connection.execute(_TURN, {"campaign_id": campaign_id, **values})


def _known(name: str) -> "ZoneInfo":
    zone = zone_named(name)
    if zone is None:  # this machine may know fewer zones than the producer's
        raise LookupError(f"There is no time zone {name!r} here.")
    return zone
