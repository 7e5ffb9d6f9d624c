"""How much of an account may be in doubt: an API that fails costs a few chunks, however long.

What is said here is SQL, for the claim and for publishing alike. `account` is what names it there.
"""

from dispatcher.lifecycle import (
    FRESH_PROBE_PART,
    LONGEST_FRESH_REST,
    MOST_DOUBTS,
    SHORTEST_FRESH_REST,
)

_ASKED_WITHIN = "interval '1 min'"
SHORTEST_REST = f"interval '{SHORTEST_FRESH_REST.total_seconds():.0f} s'"


def rest_before_fresh(outage: str) -> str:
    """The interval that `lifecycle.rest_before_fresh` gives."""
    longest = f"interval '{LONGEST_FRESH_REST.total_seconds():.0f} s'"
    return f"least(greatest({outage} / {FRESH_PROBE_PART}, {SHORTEST_REST}), {longest})"


def waits(account: str) -> str:
    """Whether a chunk of the account's running campaigns waits in doubt: it is asked about first.

    One that has been due for a minute is not to be had: its campaign is slow, or held up by
    somebody, or its window has closed. Of all accounts this is found out once a statement.
    """
    return f"""
    {account} IN (
        SELECT theirs.account FROM campaign AS theirs
        WHERE theirs.state = 'running' AND theirs.finished_at IS NULL
          AND (SELECT true FROM chunk AS doubtful
               WHERE doubtful.campaign_id = theirs.id AND doubtful.state = 'pending'
                 AND doubtful.in_doubt_since IS NOT NULL
                 AND doubtful.due_at > clock_timestamp() - {_ASKED_WITHIN}
               ORDER BY doubtful.in_doubt_since LIMIT 1))
    """


def begun_clean(account: str) -> str:
    """How many chunks of the account are on the wire that were clean, MOST_DOUBTS at most.

    Those that are being recorded in the same statement (`held`) are no more.
    """
    return f"""
    (SELECT count(*) FROM (
        SELECT FROM chunk AS flying JOIN campaign AS theirs ON theirs.id = flying.campaign_id
        WHERE flying.state = 'sending' AND flying.in_doubt_since = flying.claimed_at
          AND theirs.account = {account}
          AND NOT EXISTS (SELECT FROM held WHERE held.campaign_id = flying.campaign_id
                            AND held.sequence = flying.sequence)
        LIMIT {MOST_DOUBTS}) AS counted)
    """


def may_begin_clean(account: str, doubts: str, nth: str) -> str:
    """Whether the account may begin this, the `nth` clean chunk of one statement.

    While some attempts in a row were in doubt, so many together as are left to the bound; behind
    it a probe, where nothing else is left to ask about and the last such was long enough ago.
    """
    return f"""
    CASE WHEN {doubts} = 0 THEN true
         WHEN {doubts} < {MOST_DOUBTS}
             THEN {nth} <= {MOST_DOUBTS} - {doubts} - {begun_clean(account)}
         ELSE {nth} = 1 AND NOT {waits(account)} END
    """
