"""Names of tokens and users of the console, and their roles."""

import re

from dispatcher.books.tokens import ROLES, Role
from dispatcher.errors import OptionError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")


def is_name(name: object) -> bool:
    """Whether a token or a user can be called so."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def check_name(name: object, of: str) -> None:
    """Raise OptionError unless `of` one, as "a user", can be called so."""
    if not is_name(name):
        raise OptionError(
            f"{str(name)[:100]!r} is no name of {of}: give 1 to 100 letters, digits, `.`, `_`, "
            "`@` and `-`."
        )


def role_of(role: object) -> Role:
    """The role of this name. Raises OptionError where there is none."""
    for each in ROLES:
        if role == each:
            return each
    raise OptionError(f"{str(role)[:100]!r} is no role: give one of {', '.join(ROLES)}.")
