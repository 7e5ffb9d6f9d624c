"""A person lets a campaign go on that too many errors stopped."""

from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books import approval, guarding
from dispatcher.books.guarding import Guard
from dispatcher.books.transitions.noting import note
from dispatcher.books.transitions.steering import go_on
from dispatcher.books.transitions.summing import lock
from dispatcher.canary import CanaryState
from dispatcher.errors import ImpossibleInState
from dispatcher.lifecycle import LIVE_CAMPAIGNS, CampaignState

_ACCEPT = text("""
UPDATE campaign
SET awaits_verdict = false, max_error_rate = coalesce(:bound, max_error_rate),
    guarded_since = CASE WHEN :is_tested THEN clock_timestamp() END,
    guard_measured = 0, guard_errors = 0
WHERE id = :campaign_id
""")


def accept_canary(connection: Connection, campaign_id: UUID, bound: float | None) -> None:
    """Let a campaign go on that its canary, or too many errors, stopped.

    Where it was proven that its bound is exceeded, none is tested from here on, unless a new
    `bound` is given; else the test begins anew. Raises ImpossibleInState where nothing has stopped
    it like that.
    """
    state = lock(connection, campaign_id)
    guard = guarding.read(connection, campaign_id)
    if state not in LIVE_CAMPAIGNS:
        raise ImpossibleInState(f"Campaign {campaign_id} is {state}: {_NOTHING}")
    if not guard.is_stopped:
        raise ImpossibleInState(f"{_why_not(campaign_id, guard)}: {_NOTHING}")
    approval.refuse_waiting(connection, campaign_id)
    is_tested = bound is not None or not guard.is_proven
    values = {"campaign_id": campaign_id, "bound": bound, "is_tested": is_tested}
    connection.execute(_ACCEPT, values)
    after = go_on(connection, campaign_id) if state == CampaignState.PAUSED else state
    tested = (bound or guard.bound) if is_tested else None
    note(
        connection,
        campaign_id,
        "canary",
        before={"state": state, "max_error_rate": guard.bound if guard.is_tested else None},
        after={"state": after, "max_error_rate": tested},
    )


_NOTHING = "there is nothing to accept."


def _why_not(campaign_id: UUID, guard: Guard) -> str:
    match guard.state:
        case None:
            return f"Campaign {campaign_id} has no canary, and too many errors did not stop it"
        case CanaryState.RUNNING:
            return f"The canary of campaign {campaign_id} is still running"
        case CanaryState.PASSED:
            return f"The canary of campaign {campaign_id} has passed"
        case _:
            return f"The canary of campaign {campaign_id} is accepted already"
