"""Tokens of the HTTP API: made, listed, taken back, and looked up."""

from __future__ import annotations

import secrets

from dispatcher.books import tokens
from dispatcher.books.commits import commit
from dispatcher.books.session import transaction
from dispatcher.books.tokens import Token
from dispatcher.redaction import Secret
from dispatcher.verbs.connections import Connections
from dispatcher.verbs.names import check_name, role_of

_BEGINS = "dsp_"
"""Whoever finds a token somewhere sees whose it is; so do our redaction, and programs that look for
secrets.
"""
_BYTES = 32


def add(connections: Connections, name: str, role: str) -> Secret:
    """Make a token."""
    check_name(name, "a token")
    known = role_of(role)
    token = _BEGINS + secrets.token_urlsafe(_BYTES)
    commit(
        connections.engine,
        lambda connection: tokens.add(connection, name, known, token),
        doubt=lambda _: f"the token {name} may be there, and nobody has it: remove it, and add it.",
    )
    return Secret(token)


def remove(connections: Connections, name: str) -> None:
    """Take a token back."""
    check_name(name, "a token")
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
        return tokens.find(connection, token)
