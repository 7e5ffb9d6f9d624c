"""How many chunks of a campaign may be in doubt before it begins no clean one.

An API that hangs, or fails after it has sent, costs hundreds of unresolved members then, not
millions. What is said here is SQL, for the claim and for publishing alike.
"""

from dispatcher.books.fleet import LIVE_SLOTS

MOST_IN_DOUBT = f"greatest(50, 2 * {LIVE_SLOTS})"


def in_doubt(campaign: str) -> str:
    """How many of a campaign's chunks wait in doubt, MOST_IN_DOUBT at most."""
    return f"""
    (SELECT count(*) FROM (
        SELECT FROM chunk AS doubtful
        WHERE doubtful.campaign_id = {campaign} AND doubtful.state = 'pending'
          AND doubtful.in_doubt_since IS NOT NULL
        LIMIT {MOST_IN_DOUBT}) AS counted)
    """


def few_in_doubt(campaign: str) -> str:
    """Whether a campaign may begin a clean chunk."""
    return f"{in_doubt(campaign)} < {MOST_IN_DOUBT}"
