"""Expressions and words that the readings of all kinds of sources share."""

from dispatcher.audience.absent import BLANKS
from dispatcher.audience.engine import literal
from dispatcher.audience.identifiers import Identifier

UNKNOWN_KEY = "has a key that no platform of the message knows: "
"""Begins the reason of a row that makes the whole audience bad input, or tells of another name."""

NO_NAME = "has a value in a column without a name"
"""Begins the reason of another such row."""

NO_IDENTIFIER = "has no identifier"
"""Begins the reason of a row of nobody."""

REMEDY = "export as integer or text"
_BLANK = "[" + "".join(f"\\x{{{ord(each):x}}}" for each in BLANKS) + "]*"


def quoted(identifier: Identifier) -> str:
    """The identifier as a column's name."""
    return f'"{identifier.name}"'


def without_blanks(text: str) -> str:
    """The text without blanks around it, as an expression."""
    leading = f"regexp_replace({text}, {literal('^' + _BLANK)}, '')"
    return f"regexp_replace({leading}, {literal(_BLANK + '$')}, '')"


def must_be(identifier: Identifier) -> str:
    """What is said of a value of another type."""
    return f"{identifier.name} must be {identifier.kind.value}"


def lost_digits(identifier: Identifier) -> str:
    """What is said of a float that is so large that it stands for several numbers."""
    return f"{identifier.name} is a float too large to be exact: {REMEDY}"


def no_whole_number(identifier: Identifier) -> str:
    """What is said of a float with a fraction, or of one with an exponent."""
    return f"{identifier.name} is a float that is no plain whole number: {REMEDY}"


def is_blank(column: str) -> str:
    """Whether nothing is in a cell; hardly ever is more than its beginning looked at."""
    blank = f"regexp_full_match({column}, {literal(_BLANK)})"
    return f"({column} IS NULL OR (({column} < '!' OR {column} > '~') AND {blank}))"


def has_value(column: str, place: int) -> str:
    """Whether a column without a name has a value; in the first one, pandas' index is none."""
    index = f" AND NOT regexp_full_match({column}, '[0-9]+')" if place == 0 else ""
    return f"({column} IS NOT NULL AND NOT {is_blank(column)}{index})"
