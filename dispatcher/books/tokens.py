"""Tokens of the HTTP API: whose each is, and what it lets them do. Only their hashes are kept.

A token is made of 256 random bits, so that its plain SHA-256 gives nobody a way back to it, and is
found by an index without telling how much of a wrong one was right.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Literal, get_args

from sqlalchemy import Connection, text

from dispatcher.books import acts
from dispatcher.errors import OptionError

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""From the one that may do least: each may do what those before it may."""


def reaches(role: Role, needed: Role) -> bool:
    """Whether who has the one role may do what the other may."""
    return ROLES.index(role) >= ROLES.index(needed)


@dataclass(frozen=True, slots=True)
class Token:
    """A token by its name, and not the token; fields as in `console token list --json`."""

    name: str
    role: Role
    created_at: datetime

    def may(self, role: Role) -> bool:
        """Whether it lets somebody do what this role may."""
        return reaches(self.role, role)

    def as_json(self) -> dict[str, Any]:
        """An element of the document of `console token list --json`; times are ISO 8601."""
        return {**asdict(self), "created_at": self.created_at.isoformat()}


_ADD = text("""
INSERT INTO console_token (name, role, digest) VALUES (:name, :role, :digest)
ON CONFLICT (name) DO NOTHING RETURNING name
""")
_REMOVE = text("DELETE FROM console_token WHERE name = :name RETURNING role")
_READ = text("SELECT name, role, created_at FROM console_token ORDER BY name")
_FIND = text("SELECT name, role, created_at, digest FROM console_token WHERE digest = :digest")


def add(connection: Connection, name: str, role: Role, token: str) -> None:
    """Let whoever has the token do what the role may. OptionError where the name is taken."""
    values = {"name": name, "role": role, "digest": _digest(token)}
    if connection.scalar(_ADD, values) is None:
        raise OptionError(
            f"There is a token {name!r} already: remove it first, or give this one another name."
        )
    acts.write(connection, "console token add", after={"token": name, "role": role})


def remove(connection: Connection, name: str) -> None:
    """Let nobody in by this token any more. Raises OptionError where there is none."""
    role = connection.scalar(_REMOVE, {"name": name})
    if role is None:
        raise OptionError(f"There is no token {name!r}: see `dispatcher console token list`.")
    before = {"token": name, "role": role}
    acts.write(connection, "console token remove", before=before, after={"token": None})


def read_all(connection: Connection) -> tuple[Token, ...]:
    """The tokens, by name."""
    return tuple(Token(*row) for row in connection.execute(_READ))


def find(connection: Connection, token: str) -> Token | None:
    """Whose token this is; None where it is nobody's."""
    row = connection.execute(_FIND, {"digest": _digest(token)}).one_or_none()
    if row is None or not compare_digest(row.digest, _digest(token)):
        return None
    return Token(row.name, row.role, row.created_at)


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
