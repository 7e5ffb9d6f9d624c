"""What the books say of a campaign: `verify` names what is wrong, `explain` tells its story.

`standing_still` finds those to which nobody can do what is due. None of them changes anything.
"""

from dispatcher.books.audit.explaining import Event, Explanation, explain
from dispatcher.books.audit.standing_still import StandingStill, standing_still
from dispatcher.books.audit.verifying import Finding, Verdict, verify

__all__ = [
    "Event",
    "Explanation",
    "Finding",
    "StandingStill",
    "Verdict",
    "explain",
    "standing_still",
    "verify",
]
