"""Somebody leaves a chunk for good, and the books stay as they are.

From a chunk that is still unsent they are withheld. In one that is settled an empty object takes
their place, so that others keep theirs, which the vendor's reasons name. What may be with the
vendor keeps its bytes: a repeat has to be the same.
"""

from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books.finding import Sought, look_for
from dispatcher.books.transitions.noting import note
from dispatcher.books.transitions.summing import lock, sum_up_locked

NOBODY = "{}"
"""In the place of a member who was forgotten."""

_LOCK = text("""
SELECT CASE WHEN state = 'sending' OR in_doubt_since IS NOT NULL AND state = 'pending' THEN 'waits'
            WHEN state = 'pending' THEN 'unsent' WHEN state = 'withheld' THEN 'empty'
            ELSE 'settled' END
FROM chunk WHERE campaign_id = :campaign_id AND sequence = :sequence FOR NO KEY UPDATE
""")
_MEMBERS = "json_array_elements(CAST(members AS json)) WITH ORDINALITY AS listed(member, place)"
_WITHHOLD = """
UPDATE chunk
SET members = coalesce('[' || left_over.members || ']', '[]'),
    withheld = withheld + gone,
    state = CASE WHEN left_over.members IS NULL THEN 'withheld' ELSE state END,
    published_at = CASE WHEN left_over.members IS NOT NULL THEN published_at END,
    settled_at = CASE WHEN left_over.members IS NULL THEN clock_timestamp() END
FROM (SELECT count(*) FILTER (WHERE {is_there}) AS gone,
             string_agg(CAST(member AS text), ',' ORDER BY place) FILTER (WHERE NOT {is_there})
                 AS members
      FROM chunk, {members}
      WHERE campaign_id = :campaign_id AND sequence = :sequence) AS left_over
WHERE campaign_id = :campaign_id AND sequence = :sequence
"""
_EMPTY = """
UPDATE chunk
SET members = (SELECT '[' || string_agg(
                   CASE WHEN {is_there} THEN '{nobody}' ELSE CAST(member AS text) END, ','
                   ORDER BY place) || ']'
               FROM {members})
WHERE campaign_id = :campaign_id AND sequence = :sequence
"""


def forget(connection: Connection, sought: Sought, campaign_id: UUID, sequence: int) -> bool:
    """Take somebody out of a chunk; False where it may be with the vendor, and has to be kept."""
    look_for(connection, sought)
    lock(connection, campaign_id)
    key = {"campaign_id": campaign_id, "sequence": sequence}
    stands = connection.scalar(_LOCK, key)
    if stands == "waits":
        return False
    if stands in ("unsent", "settled"):
        note(connection, campaign_id, "forget", after={"chunks": 1})
    parts = {"is_there": sought.is_in("CAST(member AS text)"), "members": _MEMBERS}
    if stands == "unsent":
        connection.execute(text(_WITHHOLD.format(**parts)), key)
        sum_up_locked(connection, [campaign_id])
    elif stands == "settled":
        connection.execute(text(_EMPTY.format(**parts, nobody=NOBODY)), key)
    return True
