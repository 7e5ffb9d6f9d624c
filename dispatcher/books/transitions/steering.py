"""A campaign: started, paused, resumed, ended.

Each verb locks the campaign's row first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from dispatcher.books import approval, guarding
from dispatcher.books.pacing import first_plan
from dispatcher.books.progress import sum_up
from dispatcher.books.transitions.noting import note
from dispatcher.books.transitions.pausing import pause_itself
from dispatcher.books.transitions.summing import lock, settle_rest
from dispatcher.books.transitions.zone_windows import set_zone_windows, turn_zones
from dispatcher.books.windows import opening_of, stored_windows
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import (
    CODE_NOBODY_FOUND,
    LAST_ENDED,
    LIVE_CAMPAIGNS,
    MOST_REJECTIONS,
    CampaignState,
    ChunkState,
    Decision,
)
from dispatcher.schedule import Window, on_members_clocks

_SET_STATE = text("UPDATE campaign SET state = :state, reason = :reason WHERE id = :campaign_id")
_START_DUE = text("""
UPDATE campaign
SET state = 'running', started_at = clock_timestamp(), resumed_at = clock_timestamp()
WHERE id = :campaign_id AND state = 'scheduled' AND send_at <= clock_timestamp()
""")
_EXPIRE = text("""
UPDATE campaign SET state = 'expired', reason = NULL
WHERE id = :campaign_id AND state IN ('scheduled', 'running', 'paused')
  AND expires_at <= clock_timestamp()
""")
_EXPIRE_LATE = text("""
UPDATE chunk SET state = 'expired', settled_at = clock_timestamp()
FROM campaign
WHERE campaign.id = :campaign_id AND chunk.campaign_id = campaign.id
  AND chunk.state = 'pending' AND chunk.attempt = 0 AND chunk.due_at < campaign.send_at
""")
_RESUME = text("""
UPDATE campaign
SET state = CASE WHEN send_at > clock_timestamp() THEN 'scheduled' ELSE 'running' END,
    started_at = CASE WHEN send_at > clock_timestamp() THEN started_at
                      ELSE coalesce(started_at, clock_timestamp()) END,
    reason = NULL, resumed_at = clock_timestamp()
WHERE id = :campaign_id
RETURNING state
""")
_UNMARK = text("""
WITH published AS (
    SELECT sequence FROM chunk
    WHERE campaign_id = :campaign_id AND published_at IS NOT NULL
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE chunk SET published_at = NULL
WHERE campaign_id = :campaign_id AND sequence = ANY(ARRAY(SELECT sequence FROM published))
""")
_SET_RATE = text("UPDATE campaign SET rate = :rate WHERE id = :campaign_id")
_SET_WINDOWS = text("""
UPDATE campaign
SET windows = :windows, opens_at = :opens_at, closes_at = :closes_at, planned_rate = :planned_rate
WHERE id = :campaign_id
""")
_TURN_WINDOW = text("""
UPDATE campaign SET opens_at = :opens_at, closes_at = :closes_at WHERE id = :campaign_id
""")
_FOR_A_PLAN = text("""
SELECT rate, windows, send_at, finish_by, chunks_pending FROM campaign WHERE id = :campaign_id
""")
_SET_FINISH_BY = text("""
UPDATE campaign SET finish_by = :finish_by, planned_rate = :planned_rate WHERE id = :campaign_id
""")
_CLOSED_WINDOWS = text("""
SELECT windows FROM campaign
WHERE id = :campaign_id AND coalesce(closes_at <= clock_timestamp(), true)
""")
# What was refused while a culprit was sought, and whoever was found so, says nothing of the rest.
_RECENT_REJECTIONS = text("""
SELECT count(*) FROM (
    SELECT chunk_state, code
    FROM attempt
    WHERE campaign_id = :campaign_id AND chunk_state <> 'pending'
      AND ended_at >= (SELECT resumed_at FROM campaign WHERE id = :campaign_id)
      AND NOT EXISTS (
          SELECT FROM part
          WHERE part.campaign_id = attempt.campaign_id AND part.sequence = attempt.sequence
            AND (part.culprit OR part.refused AND part.round = attempt.round))
    ORDER BY ended_at DESC LIMIT :last) AS ended
WHERE chunk_state = 'rejected' AND code IS DISTINCT FROM :nobody_found
""")


def start_due(connection: Connection, campaign_id: UUID) -> bool:
    """Start a scheduled campaign; False where its time, seen under the lock, is yet to come."""
    state = lock(connection, campaign_id)
    started = connection.execute(_START_DUE, {"campaign_id": campaign_id}).rowcount
    if started:
        _note_state(connection, campaign_id, "start", state, CampaignState.RUNNING)
    return bool(started)


def pause(connection: Connection, campaign_id: UUID) -> None:
    """Begin no new request; those on the wire finish. Done where it is paused already."""
    state = lock(connection, campaign_id)
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: it cannot be paused.")
    if state != CampaignState.PAUSED:
        _set_state(connection, campaign_id, CampaignState.PAUSED)
        _note_state(connection, campaign_id, "pause", state, CampaignState.PAUSED)


def resume(connection: Connection, campaign_id: UUID) -> None:
    """Go on where the campaign stood. Done where it is running or scheduled already.

    Raises ImpossibleInState, also where too many errors have stopped it, or it waits for somebody's
    approval.
    """
    state = lock(connection, campaign_id)
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: it cannot be resumed.")
    if state == CampaignState.PAUSED:
        approval.refuse_waiting(connection, campaign_id)
        if (stopped := guarding.read(connection, campaign_id)).is_stopped:
            raise ImpossibleInState(
                f"Campaign {campaign_id} cannot be resumed like that. {stopped.words}"
            )
        _note_state(connection, campaign_id, "resume", state, go_on(connection, campaign_id))


def go_on(connection: Connection, campaign_id: UUID) -> CampaignState:
    """Let a paused campaign, whose row is locked, run; the state that it has then."""
    resumed = connection.execute(_RESUME, {"campaign_id": campaign_id}).scalar_one()
    connection.execute(_UNMARK, {"campaign_id": campaign_id})
    return CampaignState(resumed)


def cancel(connection: Connection, campaign_id: UUID) -> int:
    """End the campaign, and settle a first step of what is pending; how many chunks.

    Nothing begins from here on; `settle_rest` goes on, a step after the other, until one is not a
    whole STEP. What is on the wire finishes. A campaign that is cancelled already goes on so, too.
    """
    state = lock(connection, campaign_id)
    if state not in LIVE_CAMPAIGNS and state != CampaignState.CANCELLED:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: it cannot be cancelled.")
    if state != CampaignState.CANCELLED:
        _set_state(connection, campaign_id, CampaignState.CANCELLED)
    settled = settle_rest(connection, campaign_id)
    if state != CampaignState.CANCELLED:
        _note_state(connection, campaign_id, "cancel", state, CampaignState.CANCELLED)
    return settled


def expire_late(connection: Connection, campaign_id: UUID) -> None:
    """Expire what of a campaign that is being made was due before it begins."""
    if connection.execute(_EXPIRE_LATE, {"campaign_id": campaign_id}).rowcount:
        sum_up(connection, [campaign_id])


def expire(connection: Connection, campaign_id: UUID) -> bool:
    """End a campaign whose time has run out; False where, looked at under the lock, it has not.

    What is on the wire finishes; what is pending is settled as by `cancel`.
    """
    state = lock(connection, campaign_id)
    if not connection.execute(_EXPIRE, {"campaign_id": campaign_id}).rowcount:
        return False
    settle_rest(connection, campaign_id)
    _note_state(connection, campaign_id, "expire", state, CampaignState.EXPIRED)
    return True


def set_rate(connection: Connection, campaign_id: UUID, rate: float | None) -> None:
    """Set how many requests a second the campaign may make; None lifts the limit."""
    state = lock(connection, campaign_id)
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: it has no rate any more.")
    before = connection.execute(_FOR_A_PLAN, {"campaign_id": campaign_id}).one().rate
    connection.execute(_SET_RATE, {"rate": rate, "campaign_id": campaign_id})
    _note_order(connection, campaign_id, "rate", before, rate)


def set_windows(
    connection: Connection,
    campaign_id: UUID,
    windows: Sequence[Window] | None,
    account_rate: float | None = None,
) -> None:
    """Set the windows in which fresh chunks begin; None lets them begin at any time.

    A campaign that is to end by a time is planned anew. Raises OptionError where that cannot be
    made in them, and for windows on the clocks of members whose zones are not known. `account_rate`
    is a limit of the account's, besides the live workers'.
    """
    state = lock(connection, campaign_id)
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: it has no window any more.")
    facts = connection.execute(_FOR_A_PLAN, {"campaign_id": campaign_id}).one()
    planned = _planned(connection, facts, facts.finish_by, windows, account_rate)
    opening = opening_of(connection, windows)
    values = {"campaign_id": campaign_id, "planned_rate": planned, **opening}
    connection.execute(_SET_WINDOWS, values)
    set_zone_windows(connection, campaign_id, windows)
    _note_order(connection, campaign_id, "window", facts.windows, opening["windows"])


def turn_window(connection: Connection, campaign_id: UUID) -> None:
    """Where the campaign's window has closed, in a zone or everywhere, note when it opens again."""
    lock(connection, campaign_id)
    written = connection.scalar(_CLOSED_WINDOWS, {"campaign_id": campaign_id})
    if written is None:
        return
    windows = stored_windows(written)
    if on_members_clocks(windows):
        turn_zones(connection, campaign_id, windows)
    else:
        opening = opening_of(connection, windows)
        connection.execute(_TURN_WINDOW, {"campaign_id": campaign_id, **opening})


def set_finish_by(
    connection: Connection,
    campaign_id: UUID,
    finish_by: datetime | None,
    account_rate: float | None = None,
) -> None:
    """Let the campaign end by then, at the rate that makes it; None takes that back.

    `account_rate` is a limit of the account's, besides the live workers'. Raises OptionError where
    it cannot be made.
    """
    state = lock(connection, campaign_id)
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: its end is no plan any more.")
    facts = connection.execute(_FOR_A_PLAN, {"campaign_id": campaign_id}).one()
    windows = facts.windows and stored_windows(facts.windows)
    planned = _planned(connection, facts, finish_by, windows, account_rate)
    values = {"campaign_id": campaign_id, "finish_by": finish_by, "planned_rate": planned}
    connection.execute(_SET_FINISH_BY, values)
    _note_order(connection, campaign_id, "finish-by", facts.finish_by, finish_by)


def _planned(
    connection: Connection,
    facts: Row[Any],
    finish_by: datetime | None,
    windows: Sequence[Window] | None,
    account_rate: float | None,
) -> float | None:
    return first_plan(
        connection,
        finish_by,
        requests=facts.chunks_pending,
        rate=min(filter(None, (facts.rate, account_rate)), default=None),
        windows=windows,
        begin=facts.send_at,
    )


def _set_state(connection: Connection, campaign_id: UUID, state: CampaignState) -> None:
    values = {"campaign_id": campaign_id, "state": state, "reason": None}
    connection.execute(_SET_STATE, values)


def _note_state(
    connection: Connection, campaign_id: UUID, verb: str, before: str, after: str
) -> None:
    note(connection, campaign_id, verb, before={"state": before}, after={"state": after})


def _note_order(
    connection: Connection, campaign_id: UUID, verb: str, before: object, after: object
) -> None:
    """Note what the campaign is told anew, by its key in the document of `show`."""
    if before != after:
        key = verb.replace("-", "_")
        note(connection, campaign_id, verb, before={key: before}, after={key: after})


def pause_as_decided(
    connection: Connection, campaign_id: UUID, decision: Decision, reason: str
) -> None:
    """Pause with the vendor's reason, or because too many of the last chunks were rejected."""
    pause_itself(connection, campaign_id, reason, unless_delivered=decision.unless_delivered)
    if decision.state == ChunkState.REJECTED:
        rejections = connection.scalar(
            _RECENT_REJECTIONS,
            {"campaign_id": campaign_id, "last": LAST_ENDED, "nobody_found": CODE_NOBODY_FOUND},
        )
        if (rejections or 0) > MOST_REJECTIONS:
            words = f"{rejections} of its last {LAST_ENDED} chunks were rejected: {reason}"
            pause_itself(connection, campaign_id, words)
