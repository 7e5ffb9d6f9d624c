"""A campaign of many members waits, paused, until a second person approves it."""

from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books import approval
from dispatcher.books.acts import Actor
from dispatcher.books.transitions.noting import note
from dispatcher.books.transitions.steering import go_on
from dispatcher.books.transitions.summing import lock
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import LIVE_CAMPAIGNS

_AWAIT = text("""
UPDATE campaign
SET state = 'paused', reason = :reason, awaits_approval = true, started_at = NULL, resumed_at = NULL
WHERE id = :campaign_id AND state IN ('scheduled', 'running')
""")
_APPROVE = text("UPDATE campaign SET awaits_approval = false WHERE id = :campaign_id")


def await_approval(connection: Connection, campaign_id: UUID, most: int, by: Actor) -> None:
    """Pause a campaign that is being made where it takes this person above `most` members a day.

    Nobody has seen it yet: the caller commits it as it is then.
    """
    if approval.unapproved_members(connection, campaign_id, by) > most:
        connection.execute(_AWAIT, {"campaign_id": campaign_id, "reason": approval.REASON})


def approve(connection: Connection, campaign_id: UUID, by: Actor) -> None:
    """Let a campaign go on that waits for a second person, who is `by`.

    Raises ImpossibleInState where it does not wait, and for whoever ordered it.
    """
    state = lock(connection, campaign_id)
    waiting = approval.read(connection, campaign_id)
    if waiting is None or state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(
            f"Campaign {campaign_id} is {state}, and waits for nobody's approval."
        )
    if approval.is_same_person(connection, waiting.ordered, by):
        ordered = waiting.ordered.name
        too = "" if by.name == ordered else f", and {by.name} may be the same person"
        raise ImpossibleInState(
            f"Campaign {campaign_id} was ordered by {ordered}{too}: it takes a second person to "
            "approve it."
        )
    connection.execute(_APPROVE, {"campaign_id": campaign_id})
    after = go_on(connection, campaign_id)
    note(
        connection,
        campaign_id,
        "approve",
        before={"state": state},
        after={"state": after, "ordered_by": waiting.ordered.name},
    )
