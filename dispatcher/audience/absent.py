"""What stands for nothing in an audience: blanks, and the words that tools write for it."""

from collections.abc import Iterable
from dataclasses import dataclass

from dispatcher.errors import OptionError

BLANKS = (
    " \t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\xad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""What shows nothing: blanks, the ends of lines, characters without a width, byte order marks."""

WORDS = frozenset(
    {
        *("null", "\\n", "nan", "none", "nil", "na", "n/a", "nat", "undefined"),
        *("(null)", "[null]", "<null>", "{null}", "<na>", "<none>", "(none)", "#n/a", "#n/a n/a"),
        *("-nan", "1.#qnan", "-1.#qnan", "1.#ind", "-1.#ind", "-", "--", "?"),
    }
)
"""What databases, spreadsheets, pandas and programs write for nothing, in lower case."""

LONGEST_WORD = 64
"""Characters of a word that somebody names."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The words that count as nothing, in lower case: they are compared without regard to case."""

    words: frozenset[str] = WORDS


def absent(words: Iterable[str] | str | None) -> Absent:
    """The words in place of the usual ones, or those; a blank cell is absent all the same.

    Raises OptionError.
    """
    if words is None:
        return Absent()
    given = (words,) if isinstance(words, str) else tuple(words)
    for word in given:
        if not isinstance(word, str) or not 0 < len(word) <= LONGEST_WORD or "\0" in word:
            raise OptionError(
                f"absent holds {word!r}: give words of at most {LONGEST_WORD} characters, as in "
                "`--absent NULL --absent n/a`."
            )
    return Absent(frozenset(word.strip(BLANKS).lower() for word in given))


def trimmed(text: str) -> str:
    """The text without blanks around it."""
    return text.strip(BLANKS)
