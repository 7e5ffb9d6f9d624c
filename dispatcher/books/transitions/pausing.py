"""A campaign that pauses by itself."""

from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books.acts import ITSELF
from dispatcher.books.transitions.noting import note
from dispatcher.lifecycle import CampaignState

_PAUSE_ITSELF = text("""
UPDATE campaign SET state = 'paused', reason = :reason
WHERE id = :campaign_id AND state = 'running'
  AND NOT (:unless_delivered AND EXISTS (
      SELECT FROM chunk
      WHERE campaign_id = :campaign_id AND state IN ('delivered', 'uncounted')))
""")


def pause_itself(
    connection: Connection, campaign_id: UUID, reason: str, *, unless_delivered: bool = False
) -> None:
    """Pause a running campaign for a reason that a person must mend; nothing where it rests."""
    values = {"campaign_id": campaign_id, "reason": reason, "unless_delivered": unless_delivered}
    if connection.execute(_PAUSE_ITSELF, values).rowcount:
        before, after = {"state": CampaignState.RUNNING}, {"state": CampaignState.PAUSED}
        note(connection, campaign_id, "pause", before=before, after=after, by=ITSELF)
