"""Why a row of an audience is left out."""

from enum import StrEnum


class Reason(StrEnum):
    """Of several reasons the first one counts."""

    REPEATED = "repeated"
    SUPPRESSED = "suppressed"
    EXCLUDED = "excluded"
