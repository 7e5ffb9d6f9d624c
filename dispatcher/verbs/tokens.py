"""Tokens of the HTTP API: made, listed, taken back, and looked up."""

from __future__ import annotations

import re
import secrets

from dispatcher.books import tokens
from dispatcher.books.commits import commit
from dispatcher.books.session import transaction
from dispatcher.books.tokens import ROLES, Role, Token
from dispatcher.errors import OptionError
from dispatcher.redaction import Secret, remember
from dispatcher.verbs.connections import Connections

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
_BEGINS = "dsp_"
"""Whoever finds a token somewhere sees whose it is, and so do programs that look for secrets."""
_BYTES = 32


def add(connections: Connections, name: str, role: str) -> Secret:
    """Make a token."""
    _check_name(name)
    known = _role(role)
    token = _BEGINS + secrets.token_urlsafe(_BYTES)
    commit(
        connections.engine,
        lambda connection: tokens.add(connection, name, known, token),
        doubt=lambda _: f"the token {name} may be there, and nobody has it: remove it, and add it.",
    )
    remember(token)
    return Secret(token)


def remove(connections: Connections, name: str) -> None:
    """Take a token back."""
    _check_name(name)
    commit(
        connections.engine,
        lambda connection: tokens.remove(connection, name),
        doubt=lambda _: f"the token {name} may be gone; `dispatcher console token list` tells.",
    )


def read_all(connections: Connections) -> tuple[Token, ...]:
    """The tokens, by name."""
    with transaction(connections.engine) as connection:
        return tokens.read_all(connection)


def authenticate(connections: Connections, token: str) -> Token | None:
    """Whose token this is."""
    with transaction(connections.engine) as connection:
        found = tokens.find(connection, token)
    if found is not None:
        remember(token)
    return found


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise OptionError(
            f"{str(name)[:100]!r} is no name of a token: give 1 to 100 letters, digits, `.`, `_`, "
            "`@` and `-`."
        )


def _role(role: object) -> Role:
    for each in ROLES:
        if role == each:
            return each
    raise OptionError(f"{str(role)[:100]!r} is no role: give one of {', '.join(ROLES)}.")
