"""Users of the console: who may sign in, and as what. Of a password only its argon2id is kept."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from dispatcher.books import acts
from dispatcher.books.tokens import Role
from dispatcher.errors import OptionError


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in; fields as in `console user list --json`."""

    name: str
    role: Role
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        """An element of the document of `console user list --json`; times are ISO 8601."""
        return {**asdict(self), "created_at": self.created_at.isoformat()}


_ADD = text("""
INSERT INTO console_user (name, role, password) VALUES (:name, :role, :password)
ON CONFLICT (name) DO NOTHING RETURNING name
""")
_REMOVE = text("DELETE FROM console_user WHERE name = :name RETURNING role")
_SET_PASSWORD = text("""
UPDATE console_user SET password = :password WHERE name = :name RETURNING name
""")
_ROLE = text("SELECT role FROM console_user WHERE name = :name FOR UPDATE")
_SET_ROLE = text("UPDATE console_user SET role = :role WHERE name = :name")
_RENEW = text(
    "UPDATE console_user SET password = :renewed WHERE name = :name AND password = :known"
)
_END_SESSIONS = text("DELETE FROM console_session WHERE user_name = :name")
# Whoever started the program is nobody any more once there is a user, whatever becomes of that one.
_END_STARTERS_SESSIONS = text("DELETE FROM console_session WHERE starter IS NOT NULL")
_READ = text("SELECT name, role, created_at FROM console_user ORDER BY name")
_PASSWORD = text("SELECT password FROM console_user WHERE name = :name")


def add(connection: Connection, name: str, role: Role, password: str) -> None:
    """Let somebody sign in, by a password that is hashed already. OptionError where they may."""
    values = {"name": name, "role": role, "password": password}
    if connection.scalar(_ADD, values) is None:
        raise OptionError(
            f"There is a user {name!r} already: `dispatcher console user password {name}` gives "
            "another password, `dispatcher console user role` another role."
        )
    connection.execute(_END_STARTERS_SESSIONS)
    acts.write(connection, "console user add", after={"user": name, "role": role})


def remove(connection: Connection, name: str) -> None:
    """Let somebody in no more, from this commit on. Raises OptionError where there is no such."""
    role = connection.scalar(_REMOVE, {"name": name})
    if role is None:
        raise _nobody(name)
    connection.execute(_END_STARTERS_SESSIONS)  # one that began while the first user was added
    before = {"user": name, "role": role}
    acts.write(connection, "console user remove", before=before, after={"user": None})


def set_password(connection: Connection, name: str, password: str) -> None:
    """Give somebody another password, hashed already, and end their sessions. OptionError."""
    if connection.scalar(_SET_PASSWORD, {"name": name, "password": password}) is None:
        raise _nobody(name)
    connection.execute(_END_SESSIONS, {"name": name})
    acts.write(connection, "console user password", after={"user": name})


def set_role(connection: Connection, name: str, role: Role) -> None:
    """Give somebody another role, and end their sessions. Raises OptionError."""
    before = connection.scalar(_ROLE, {"name": name})
    if before is None:
        raise _nobody(name)
    if before != role:
        connection.execute(_SET_ROLE, {"name": name, "role": role})
        connection.execute(_END_SESSIONS, {"name": name})
        known, after = {"user": name, "role": before}, {"user": name, "role": role}
        acts.write(connection, "console user role", before=known, after=after)


def read_all(connection: Connection) -> tuple[User, ...]:
    """The users, by name."""
    return tuple(User(*row) for row in connection.execute(_READ))


def password_of(connection: Connection, name: str) -> str | None:
    """The hash of somebody's password; None where there is no such user."""
    found: str | None = connection.scalar(_PASSWORD, {"name": name})
    return found


def renew_password(connection: Connection, name: str, known: str, renewed: str) -> None:
    """Keep the same password by another hash, where it was not changed meanwhile."""
    connection.execute(_RENEW, {"name": name, "known": known, "renewed": renewed})


def _nobody(name: str) -> OptionError:
    return OptionError(f"There is no user {name!r}: see `dispatcher console user list`.")
