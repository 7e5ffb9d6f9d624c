"""What is forgotten after a campaign's end: whom it was sent to. Its numbers stay.

So do the vendor's codes, with what they say where nobody is quoted.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books.transitions.noting import note
from dispatcher.books.transitions.quoting import TOLD, WORDS, numbers_of

PURGED_A_STEP = 200

_NEXT = text("""
SELECT purged_to AS after, least(purged_to + :step, chunks_total) AS until
FROM campaign
WHERE id = :campaign_id AND purged_to < chunks_total
  AND finished_at <= clock_timestamp() - CAST(:keep AS interval)
FOR NO KEY UPDATE
""")
_DROP_MEMBERS = text(f"""
UPDATE chunk SET members = NULL, error = {WORDS}
WHERE campaign_id = :campaign_id AND sequence > :after AND sequence <= :until
""")
_DROP_DETAILS = text(f"""
UPDATE attempt
SET error_details = NULL, error = {WORDS}
WHERE campaign_id = :campaign_id AND sequence > :after AND sequence <= :until
  AND (error_details IS NOT NULL OR code IS NOT NULL)
""")
_ADVANCE = text(f"""
UPDATE campaign
SET purged_to = :until, reason = {numbers_of("reason")}
WHERE id = :campaign_id
""")
_DROP_TOLD = text(f"""
UPDATE webhook SET body = replace(body, {TOLD}, {numbers_of(TOLD)})
WHERE campaign_id = :campaign_id AND {TOLD} <> {numbers_of(TOLD)}
""")


def purge(connection: Connection, campaign_id: UUID, keep: timedelta | None) -> bool:
    """Drop the audience of the campaign's next few chunks; False where there is nothing to drop.

    Only where the campaign ended `keep` ago; None keeps it for good. Whom the chunks were for is
    forgotten, what became of them is not.
    """
    values = {"campaign_id": campaign_id, "keep": keep, "step": PURGED_A_STEP}
    step = connection.execute(_NEXT, values).one_or_none()
    if step is None:
        return False
    chunks = {"campaign_id": campaign_id, **step._mapping}
    for statement in (_DROP_MEMBERS, _DROP_DETAILS, _DROP_TOLD, _ADVANCE):
        connection.execute(statement, chunks)
    if step.after == 0:
        before, after = {"audience_kept": True}, {"audience_kept": False}
        note(connection, campaign_id, "purge", before=before, after=after)
    return True
