"""Users of the console: added, listed, changed and removed."""

from __future__ import annotations

from dispatcher.books import users
from dispatcher.books.commits import commit
from dispatcher.books.session import transaction
from dispatcher.books.users import User
from dispatcher.redaction import Secret, remember
from dispatcher.verbs import passwords
from dispatcher.verbs.connections import Connections
from dispatcher.verbs.names import check_name, role_of


def add(connections: Connections, name: str, role: str, password: str | None) -> Secret:
    """Let somebody sign in."""
    check_name(name, "a user")
    known = role_of(role)
    secret = _checked(password)
    hashed = passwords.hashed(secret.reveal())
    commit(
        connections.engine,
        lambda connection: users.add(connection, name, known, hashed),
        doubt=lambda _: f"the user {name} may be there; `dispatcher console user list` tells.",
    )
    return secret


def remove(connections: Connections, name: str) -> None:
    """Let somebody sign in no more."""
    check_name(name, "a user")
    commit(
        connections.engine,
        lambda connection: users.remove(connection, name),
        doubt=lambda _: f"the user {name} may be gone; `dispatcher console user list` tells.",
    )


def set_password(connections: Connections, name: str, password: str | None) -> Secret:
    """Give somebody another password."""
    check_name(name, "a user")
    secret = _checked(password)
    hashed = passwords.hashed(secret.reveal())
    commit(
        connections.engine,
        lambda connection: users.set_password(connection, name, hashed),
        doubt=lambda _: f"the password of {name} may be the new one: set it again.",
    )
    return secret


def set_role(connections: Connections, name: str, role: str) -> None:
    """Give somebody another role."""
    check_name(name, "a user")
    known = role_of(role)
    commit(
        connections.engine,
        lambda connection: users.set_role(connection, name, known),
        doubt=lambda _: f"the role of {name} may be the new one; `console user list` tells.",
    )


def read_all(connections: Connections) -> tuple[User, ...]:
    """The users, by name."""
    with transaction(connections.engine) as connection:
        return users.read_all(connection)


def _checked(password: str | None) -> Secret:
    known = passwords.made() if password is None else passwords.checked(password)
    remember(known)
    return Secret(known)
