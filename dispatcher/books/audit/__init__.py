"""What the books say of a campaign: `verify` names what is wrong, `explain` tells its story.

Both only read.
"""

from dispatcher.books.audit.explaining import Event, Explanation, explain
from dispatcher.books.audit.verifying import Finding, Verdict, verify

__all__ = ["Event", "Explanation", "Finding", "Verdict", "explain", "verify"]
