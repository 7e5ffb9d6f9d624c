"""Signing in to the console and out of it, and who has."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import Connection

from dispatcher.books import logins, sessions, users
from dispatcher.books.commits import commit
from dispatcher.books.session import transaction
from dispatcher.books.sessions import Session
from dispatcher.errors import SignInDelayed, SignInRefused
from dispatcher.redaction import Secret
from dispatcher.session_key import digest_of
from dispatcher.throttle import network_of
from dispatcher.verbs import passwords
from dispatcher.verbs.connections import Connections
from dispatcher.verbs.names import is_name

_BEGINS = "dss_"
"""Whoever finds one somewhere sees what it is, and so does our redaction."""
_BYTES = 32
_LONGEST = 200
"""Characters of a session that anybody looks at: ours have 47."""
_UNSURE = "somebody may have signed in or out; the page tells."


def sign_in(
    connections: Connections, name: str, password: str, address: str, browser: str | None
) -> Secret:
    """A session of this user."""
    engine, who = connections.engine, _who(connections, name, address, browser)
    wait = commit(engine, lambda connection: logins.begin(connection, *who), doubt=_doubt)
    if wait:
        raise SignInDelayed(wait)
    stored = _password_of(connections, name)
    if len(password) > passwords.LONGEST or not passwords.is_right(stored, password):
        raise SignInRefused("The name or the password is wrong.")
    assert stored is not None
    made = _new()
    renewed = passwords.renewed(stored, password)

    def begin(connection: Connection) -> bool:
        logins.succeed(connection, *who)
        digest = digest_of(connections.settings, "session", made.reveal())
        if not sessions.begin(connection, digest, name, stored):
            return False
        if renewed is not None:
            users.renew_password(connection, name, stored, renewed)
        return True

    if not commit(engine, begin, doubt=_doubt):
        raise SignInRefused("The password was changed at this moment: sign in with the new one.")
    return made


def _who(
    connections: Connections, name: str, address: str, browser: str | None
) -> tuple[str, str, str | None]:
    """By what attempts on a name are counted: it, the network, and the browser."""
    settings = connections.settings
    return (
        digest_of(settings, "name", name),
        digest_of(settings, "network", network_of(address)),
        digest_of(settings, "browser", browser) if browser else None,
    )


def _password_of(connections: Connections, name: str) -> str | None:
    """The hash of it; nothing that could not be a name is looked up."""
    if not is_name(name):
        return None
    with transaction(connections.engine) as connection:
        return users.password_of(connection, name)


def sign_in_first(connections: Connections, key_age: timedelta) -> Secret:
    """A session of whoever the program runs as, until there are users."""
    made = _new()
    digest = digest_of(connections.settings, "session", made.reveal())
    name = connections.actor.name
    begun = commit(
        connections.engine,
        lambda connection: sessions.begin_first(connection, digest, name, key_age),
        doubt=_doubt,
    )
    if not begun:
        raise SignInRefused(_why_not_first(connections))
    return made


def _why_not_first(connections: Connections) -> str:
    with transaction(connections.engine) as connection:
        if users.read_all(connection):
            return "There are users: sign in as one of them."
    return "There were users, which ended this: start the program again for another key."


def _new() -> Secret:
    return Secret(_BEGINS + secrets.token_urlsafe(_BYTES))


def session_of(connections: Connections, session: str) -> Session | None:
    """Whose session this is."""
    if not session or len(session) > _LONGEST:
        return None
    digest = digest_of(connections.settings, "session", session)
    with transaction(connections.engine) as connection:
        return sessions.find(connection, digest)


def read_all(connections: Connections) -> tuple[Session, ...]:
    """The sessions that have not ended."""
    with transaction(connections.engine) as connection:
        return sessions.read_all(connection)


def sign_out(connections: Connections, session: Session, *, everywhere: bool) -> int:
    """End it, or all of the same person's."""
    return commit(
        connections.engine,
        lambda connection: sessions.end(connection, session, everywhere=everywhere),
        doubt=_doubt,
    )


def _doubt(_: bool | int | timedelta) -> str:
    return _UNSURE
