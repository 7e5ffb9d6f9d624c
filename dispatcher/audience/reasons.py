"""Why a row of an audience is left out."""

from enum import StrEnum


class Reason(StrEnum):
    """Of several reasons the first one counts.

    Only the first two belong to what was asked for: whom it leaves out otherwise depends on when.
    """

    REPEATED = "repeated"
    SUPPRESSED = "suppressed"
    STANDING = "standing"
    EXCLUDED = "excluded"
