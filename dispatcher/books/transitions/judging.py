"""Too many errors: what stops a campaign."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books import guarding
from dispatcher.books.acts import ITSELF
from dispatcher.books.guarding import Guard
from dispatcher.books.transitions.noting import note
from dispatcher.books.transitions.pausing import pause_itself
from dispatcher.canary import CanaryState

_SET_CANARY = text("""
UPDATE campaign SET canary_state = :state, awaits_verdict = :state <> 'passed'
WHERE id = :campaign_id AND canary_state = 'running'
""")
_STOP = text("UPDATE campaign SET awaits_verdict = true WHERE id = :campaign_id")


def judge_locked(connection: Connection, campaign_ids: Sequence[UUID]) -> None:
    """Test the errors of campaigns that were just summed up, and whose rows are locked.

    A canary gets its verdict. Unless that is that it has passed, its campaign pauses; and so it
    does where too many of all that was sent to are errors, with a canary or without.
    """
    for campaign_id, guard in guarding.read_tested(connection, campaign_ids).items():
        if _judge(connection, campaign_id, guard):
            pause_itself(connection, campaign_id, guarding.read(connection, campaign_id).words)


def _judge(connection: Connection, campaign_id: UUID, guard: Guard) -> bool:
    """Write down what the errors have come to; whether the campaign is to rest."""
    if guard.is_stopped:
        return True
    if guard.state == CanaryState.RUNNING:
        return _judge_canary(connection, campaign_id, guard)
    if guard.exceeds():
        connection.execute(_STOP, {"campaign_id": campaign_id})
        return True
    return False


def _judge_canary(connection: Connection, campaign_id: UUID, guard: Guard) -> bool:
    state = guard.verdict()
    if state == CanaryState.RUNNING:
        return False
    connection.execute(_SET_CANARY, {"campaign_id": campaign_id, "state": state})
    before, after = {"canary": guard.state}, {"canary": state}
    note(connection, campaign_id, "canary", before=before, after=after, by=ITSELF)
    return state != CanaryState.PASSED
