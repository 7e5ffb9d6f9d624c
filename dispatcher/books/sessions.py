"""Sessions of the console: which browser is whose, and for how long. Only keyed digests are kept.

A session is looked up at each request, and is there no more the moment its user is removed, or has
another password or role.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from sqlalchemy import Connection, text

from dispatcher.books import acts
from dispatcher.books.acts import Actor
from dispatcher.books.tokens import Role, reaches

IDLE = timedelta(hours=2)
"""Without a request."""
_NOTED_EVERY = timedelta(minutes=1)
"""So rarely the time of the last request is written."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who has signed in, since when, and what they may do; `user` is None for whoever started it.

    `id` names the session and lets nobody in. However much is done in it, it LASTS a day's work,
    and not into the next one's; the browser is KNOWN for longer, which lets nobody in.
    """

    LASTS: ClassVar[timedelta] = timedelta(hours=12)
    KNOWN: ClassVar[timedelta] = timedelta(days=30)

    id: int
    name: str
    role: Role
    began_at: datetime
    user: str | None

    def may(self, role: Role) -> bool:
        """Whether it lets somebody do what this role may."""
        return reaches(self.role, role)


_LIVE = f"""
(console_session.began_at > now() - make_interval(secs => {Session.LASTS.total_seconds():.0f})
 AND console_session.seen_at > now() - make_interval(secs => {IDLE.total_seconds():.0f}))
"""
# Whoever started the program needs no user for as long as there is none.
_SESSIONS = f"""
SELECT console_session.id, coalesce(console_user.name, starter) AS name,
    coalesce(console_user.role, 'admin') AS role, began_at, user_name,
    seen_at < now() - make_interval(secs => {_NOTED_EVERY.total_seconds():.0f}) AS is_long_ago
FROM console_session LEFT JOIN console_user ON console_user.name = user_name
WHERE {_LIVE} AND (user_name IS NOT NULL OR NOT EXISTS (SELECT FROM console_user))
"""
_READ = text(f"{_SESSIONS} ORDER BY console_session.id")
_FIND = text(f"{_SESSIONS} AND digest = :digest")
_BEGIN = text("""
INSERT INTO console_session (digest, user_name)
SELECT :digest, name FROM console_user WHERE name = :name AND password = :password FOR SHARE
RETURNING id
""")
_BEGIN_FIRST = text("""
INSERT INTO console_session (digest, starter)
SELECT :digest, :name WHERE NOT EXISTS (SELECT FROM console_user)
    AND NOT EXISTS (SELECT FROM act WHERE verb = 'console user add'
        AND at > now() - CAST(:key_age AS interval))
RETURNING id
""")
_SEEN = text("UPDATE console_session SET seen_at = now() WHERE id = :id")
_DROP_ENDED = text(f"DELETE FROM console_session WHERE NOT {_LIVE}")
_END = text("DELETE FROM console_session WHERE id = :id RETURNING id")
_END_ALL = text("""
DELETE FROM console_session
WHERE user_name IS NOT DISTINCT FROM :user AND (:user IS NOT NULL OR starter = :name)
RETURNING id
""")


def begin(connection: Connection, digest: str, name: str, password: str) -> bool:
    """Let a browser in for a user, unless their password, whose hash is given, was changed."""
    connection.execute(_DROP_ENDED)
    values = {"digest": digest, "name": name, "password": password}
    return _begun(connection, name, connection.scalar(_BEGIN, values))


def begin_first(connection: Connection, digest: str, name: str, key_age: timedelta) -> bool:
    """Let a browser in for whoever started the program; not once there are users.

    Nor by a key that was there before one of them, who may be gone again.
    """
    connection.execute(_DROP_ENDED)
    values = {"digest": digest, "name": name, "key_age": key_age}
    return _begun(connection, name, connection.scalar(_BEGIN_FIRST, values))


def _begun(connection: Connection, name: str, session: int | None) -> bool:
    if session is None:
        return False
    by = Actor(name, "console")
    acts.write(connection, "console sign in", after={"user": name}, by=by)
    return True


def find(connection: Connection, digest: str) -> Session | None:
    """Whose session this is, none where it has ended; it counts as seen."""
    row = connection.execute(_FIND, {"digest": digest}).one_or_none()
    if row is None:
        return None
    if row.is_long_ago:
        connection.execute(_SEEN, {"id": row.id})
    return Session(row.id, row.name, row.role, row.began_at, row.user_name)


def read_all(connection: Connection) -> tuple[Session, ...]:
    """The sessions that have not ended, the oldest first."""
    return tuple(Session(*row[:5]) for row in connection.execute(_READ))


def end(connection: Connection, session: Session, *, everywhere: bool) -> int:
    """End a session, or all of the same person's; how many those were."""
    values = {"id": session.id, "user": session.user, "name": session.name}
    ended = len(connection.execute(_END_ALL if everywhere else _END, values).all())
    if ended:
        before = {"user": session.name, "sessions": ended}
        acts.write(connection, "console sign out", before=before, after={"user": None})
    return ended
