"""Members who are taken out of a claimed chunk before its request, as they are to get nothing."""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Connection, text

from dispatcher.books.holding import IN_DOUBT, UNREACHABLE
from dispatcher.books.transitions.exchanging import Claim, Members

# No member's text is a value of the statement: it would stand in logs.
_WITHHOLD = text("""
UPDATE chunk
SET withheld = withheld + :count, unscreened = false,
    members = (SELECT '[' || string_agg(CAST(member AS text), ',' ORDER BY place) || ']'
               FROM json_array_elements(CAST(members AS json))
                    WITH ORDINALITY AS listed(member, place)
               WHERE place <> ALL(:places))
WHERE campaign_id = :campaign_id AND sequence = :sequence
  AND state = 'sending' AND attempt = :attempt
RETURNING members
""")
_WITHHOLD_ALL = text("""
WITH ended AS (
    UPDATE chunk
    SET state = 'withheld', withheld = size, members = '[]', lease_until = NULL,
        in_doubt_since = NULL, unscreened = false, settled_at = clock_timestamp(),
        http_status = NULL, code = NULL, error = NULL
    WHERE campaign_id = :campaign_id AND sequence = :sequence
      AND state = 'sending' AND attempt = :attempt
    RETURNING *
)
INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at, outcome,
                     chunk_state)
SELECT campaign_id, sequence, attempt, round, claimed_by, claimed_at, 'withheld', state FROM ended
""")
_SCREENED = text("""
UPDATE chunk SET unscreened = false
WHERE campaign_id = :campaign_id AND sequence = :sequence
  AND state = 'sending' AND attempt = :attempt
""")
# The account was held for what the probe would come to.
_PROBE_ANEW = text(f"""
UPDATE account
SET hold_until = NULL, hold_reason = NULL,
    fresh_from = CASE WHEN fresh_from IS NOT NULL THEN clock_timestamp() END
WHERE name = :account AND hold_reason IN ('{UNREACHABLE}', '{IN_DOUBT}')
""")


def withhold(connection: Connection, claim: Claim, places: Collection[int]) -> Claim | None:
    """Take the members at these places out of the chunk, the first of them being 1; the claim then.

    None where another attempt has the chunk by now: nothing may be sent. What stays is sent as it
    stands in the books from here on, so the caller commits before a byte is sent. The claim is to
    be unscreened: what an earlier attempt may have sent has to keep its bytes.
    """
    values = {**_key(claim), "places": list(places), "count": len(places)}
    members = connection.scalar(_WITHHOLD, values)
    if members is None:
        return None
    return replace(claim, members=Members(members), size=claim.size - len(places))


def keep_all(connection: Connection, claim: Claim) -> bool:
    """Note that nobody in the chunk is on the list; False where another attempt has it by now.

    The caller commits before a byte is sent.
    """
    return connection.execute(_SCREENED, _key(claim)).rowcount > 0


def withhold_all(connection: Connection, claim: Claim) -> None:
    """End the chunk, as nobody is left in it; nothing where another attempt has it by now."""
    ended = connection.execute(_WITHHOLD_ALL, _key(claim)).rowcount
    if ended and claim.probing:
        connection.execute(_PROBE_ANEW, {"account": claim.account})


def _key(claim: Claim) -> dict[str, object]:
    return {
        "campaign_id": claim.campaign_id,
        "sequence": claim.sequence,
        "attempt": claim.attempt,
    }
