"""What time alone changes: which campaigns need something done to them, and the doing of it.

Found in one statement, by what has changed and not by what exists; done by campaign, so that what
cannot be done to one of them holds up no other. A campaign whose row somebody else has locked is
passed over: the next sweep comes in a second.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Connection

from dispatcher.books import keeping, pacing, transitions
from dispatcher.books.functions import Function

MOST_LOOKED_OVER = 10
"""So many campaigns at rest are summed up a sweep, in turn: somebody may meddle with the books."""


class Duty(StrEnum):
    """What can be due for a campaign, in the order in which a sweep does it; in words for a log."""

    START = "start"
    TAKE_BACK = "get back what dead workers had"
    UNMARK = "publish again what nobody claimed"
    SETTLE = "give up what can no longer be asked about"
    EXPIRE = "expire"
    CLOSE = "settle what it will not send"
    SUM_UP = "be summed up"
    TURN = "turn to its next window"
    PLAN = "plan its rate anew"
    PURGE = "forget whom it was sent to"


@dataclass(frozen=True, slots=True)
class Terms:
    """What decides when something is due.

    `window` is the usable part of the vendor's window, `unclaimed_after` how long a message may
    wait, `keep_audience` how long an audience is kept after its campaign's end; None for good.
    """

    window: timedelta
    unclaimed_after: timedelta
    keep_audience: timedelta | None

    @classmethod
    def of(cls, window: timedelta, keep_audience: timedelta | None) -> "Terms":
        """Those of a usable window: of it, a lost message of a chunk in doubt costs a part only."""
        return cls(window, min(_UNCLAIMED_AFTER, window * _UNCLAIMED_PART), keep_audience)


_UNCLAIMED_AFTER = timedelta(seconds=30)
_UNCLAIMED_PART = 0.25


@dataclass(frozen=True, slots=True)
class Need:
    """A duty towards a campaign, which has so many chunks."""

    duty: Duty
    campaign_id: UUID
    chunks: int


# A sum knows every chunk and attempt that was committed before it began: what may have changed
# since has ended later, or is on the wire now and was not then, or the other way round. Of a large
# campaign the sum itself takes long, and waits in proportion, unless it would be the last one. In
# the order of an index each: the planner would rather read a table from its beginning.
_CHANGED = """
summed_at IS NULL OR summed_at > clock_timestamp()
OR ((chunks_sending <> (SELECT count(*) FROM chunk
                        WHERE campaign_id = campaign.id AND state = 'sending')
     OR summed_at <= (SELECT ended_at FROM attempt WHERE campaign_id = campaign.id
                      ORDER BY ended_at DESC LIMIT 1))
    AND (summed_at + chunks_total * interval '5 us' <= clock_timestamp() OR NOT EXISTS (
        (SELECT 1 FROM chunk WHERE campaign_id = campaign.id AND state = 'pending'
           AND in_doubt_since IS NULL AND published_at IS NULL ORDER BY due_at, sequence LIMIT 1)
        UNION ALL
        (SELECT 1 FROM chunk WHERE campaign_id = campaign.id AND state = 'pending'
           AND in_doubt_since IS NOT NULL ORDER BY in_doubt_since LIMIT 1)
        UNION ALL
        (SELECT 1 FROM chunk WHERE campaign_id = campaign.id AND published_at IS NOT NULL
         ORDER BY published_at LIMIT 1)
        UNION ALL
        (SELECT 1 FROM chunk WHERE campaign_id = campaign.id AND state = 'sending'
         ORDER BY lease_until LIMIT 1))))
"""
# A function, as it is planned for longer than it takes, each second.
NEEDED = Function(
    "needed_upkeep",
    {
        "window": "interval",
        "unclaimed_after": "interval",
        "keep": "interval",
        "resting": "uuid[]",
        "looked_over": "integer",
        "purged": "integer",
    },
    {"duty": "text", "campaign_id": "uuid", "chunks": "bigint"},
    f"""
SELECT 'START' AS duty, id AS campaign_id, chunks_total AS chunks FROM campaign
WHERE state = 'scheduled' AND finished_at IS NULL AND send_at <= clock_timestamp()
UNION ALL
SELECT 'TURN', id, chunks_total FROM campaign
WHERE finished_at IS NULL AND state IN ('scheduled', 'running', 'paused')
  AND closes_at <= clock_timestamp()
UNION ALL
SELECT DISTINCT 'TURN', campaign_id, 0 FROM chunk JOIN campaign ON campaign.id = campaign_id
WHERE chunk.closes_at <= statement_timestamp()
  AND chunk.state = 'pending' AND in_doubt_since IS NULL
  AND campaign.state IN ('scheduled', 'running', 'paused')
UNION ALL
SELECT DISTINCT 'TAKE_BACK', campaign_id, 0 FROM chunk
WHERE state = 'sending' AND lease_until <= statement_timestamp()
UNION ALL
SELECT DISTINCT 'UNMARK', campaign_id, 0 FROM chunk
WHERE published_at < statement_timestamp() - :unclaimed_after AND state = 'pending'
UNION ALL
SELECT DISTINCT 'SETTLE', campaign_id, 0 FROM chunk
WHERE state = 'pending' AND in_doubt_since <= statement_timestamp() - :window
UNION ALL
SELECT 'EXPIRE', id, chunks_total FROM campaign
WHERE finished_at IS NULL AND state IN ('scheduled', 'running', 'paused')
  AND expires_at <= clock_timestamp()
UNION ALL
SELECT 'CLOSE', id, chunks_pending FROM campaign
WHERE finished_at IS NULL AND state IN ('cancelled', 'expired') AND chunks_pending > 0
UNION ALL
SELECT 'SUM_UP', id, chunks_total FROM campaign WHERE finished_at IS NULL AND ({_CHANGED})
UNION ALL
(SELECT 'SUM_UP', id, chunks_total FROM campaign
 WHERE finished_at IS NULL AND summed_at < statement_timestamp() - interval '1 min'
   AND NOT id = ANY(:resting)
 ORDER BY summed_at LIMIT :looked_over)
UNION ALL
SELECT 'PLAN', id, chunks_total FROM campaign
WHERE finished_at IS NULL AND state = 'running' AND finish_by IS NOT NULL
UNION ALL
(SELECT 'PURGE', id, chunks_total - purged_to FROM campaign
 WHERE {keeping.KEPT} AND NOT id = ANY(:resting)
 ORDER BY finished_at LIMIT :purged)
""",
)


def needed(
    connection: Connection, terms: Terms, *, resting: Sequence[UUID] = (), purged: int = 0
) -> list[Need]:
    """What is to be done, in the order of doing it; each duty once a campaign.

    `resting` are campaigns to which something could not be done: what would take turns leaves them
    out. Audiences of `purged` campaigns at most are to be forgotten.
    """
    values = _values(terms, resting, purged)
    found = {
        (Duty[row.duty], row.campaign_id): row.chunks
        for row in connection.execute(NEEDED.called, values)
    }
    order = {duty: place for place, duty in enumerate(Duty)}
    needs = [Need(duty, campaign_id, chunks) for (duty, campaign_id), chunks in found.items()]
    return sorted(needs, key=lambda need: order[need.duty])


def _values(terms: Terms, resting: Sequence[UUID], purged: int) -> dict[str, object]:
    return {
        "window": terms.window,
        "unclaimed_after": terms.unclaimed_after,
        "keep": terms.keep_audience,
        "resting": list(resting),
        "looked_over": MOST_LOOKED_OVER,
        "purged": purged,
    }


def fulfil(
    connection: Connection, duty: Duty, campaign_ids: Sequence[UUID], terms: Terms
) -> frozenset[UUID]:
    """Do it to these campaigns, in this transaction; those of them whose row was free.

    Whether it is still due is looked at again under the lock.
    """
    if duty == Duty.TAKE_BACK:
        transitions.take_back_lost_leases(connection, campaign_ids)
    elif duty == Duty.UNMARK:
        transitions.unmark_unclaimed(connection, terms.unclaimed_after, campaign_ids)
    else:
        return _under_lock(connection, duty, campaign_ids, terms)
    return frozenset(campaign_ids)


def _under_lock(
    connection: Connection, duty: Duty, campaign_ids: Sequence[UUID], terms: Terms
) -> frozenset[UUID]:
    free = transitions.lock_free(connection, campaign_ids)
    if duty == Duty.SUM_UP:
        transitions.sum_up_locked(connection, free)
    else:
        for campaign_id in free:
            _ACTS[duty](connection, campaign_id, terms)
    return frozenset(free)


_ACTS: dict[Duty, Callable[[Connection, UUID, Terms], object]] = {
    Duty.START: lambda connection, one, _: transitions.start_due(connection, one),
    Duty.TURN: lambda connection, one, _: transitions.turn_window(connection, one),
    Duty.SETTLE: lambda connection, one, terms: transitions.settle_closed_windows(
        connection, one, terms.window
    ),
    Duty.EXPIRE: lambda connection, one, _: transitions.expire(connection, one),
    Duty.CLOSE: lambda connection, one, _: transitions.settle_rest(connection, one),
    Duty.PLAN: lambda connection, one, _: pacing.plan_anew(connection, one),
    Duty.PURGE: lambda connection, one, terms: transitions.purge(
        connection, one, terms.keep_audience
    ),
}
