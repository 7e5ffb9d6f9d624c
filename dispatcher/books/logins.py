"""Attempts to sign in to the console, counted by name and place; neither is kept in clear.

A place is a browser, where this name has signed in with it, or else a network.

A name may be a password that was typed into the wrong field: what is kept is a keyed digest.
"""

from datetime import timedelta

from sqlalchemy import Connection, text

from dispatcher import throttle
from dispatcher.books.sessions import Session
from dispatcher.throttle import Attempts

_LOCK = 0x64697371
_FORGIVEN = timedelta(days=1)

_ALONE = text("SELECT pg_advisory_xact_lock(:lock)")
_DROP_OLD = text("""
DELETE FROM console_login
WHERE failed_at < now() - CAST(:forgiven AS interval)
  AND coalesce(succeeded_at < now() - CAST(:kept AS interval), true)
""")
_IS_KNOWN = text("""
SELECT EXISTS (
    SELECT FROM console_login WHERE name = :name AND network = :browser
        AND succeeded_at > now() - CAST(:kept AS interval))
""")
_ATTEMPTS = text("""
SELECT
    coalesce(sum(failures) FILTER (WHERE name = :name AND network = :network
        AND failed_at > now() - CAST(:forgiven AS interval)), 0) AS failures,
    now() - max(failed_at) FILTER (WHERE name = :name AND network = :network) AS ago,
    coalesce(sum(failures) FILTER (WHERE network = :network AND recent), 0) AS of_network,
    now() - max(failed_at) FILTER (WHERE network = :network) AS network_ago,
    coalesce(sum(failures) FILTER (WHERE recent), 0) AS of_all,
    coalesce(bool_or(succeeded_at IS NOT NULL)
        FILTER (WHERE name = :name AND network = :network), false) AS is_known
FROM console_login
CROSS JOIN LATERAL (SELECT failed_at > now() - CAST(:period AS interval) AS recent) AS seen
""")
_COUNT = text("""
INSERT INTO console_login (name, network, failures, failed_at) VALUES (:name, :network, 1, now())
ON CONFLICT (name, network) DO UPDATE
SET failures = CASE WHEN console_login.failed_at < now() - CAST(:forgiven AS interval) THEN 1
                    ELSE console_login.failures + 1 END,
    failed_at = now()
""")
_KNOW = text("""
INSERT INTO console_login (name, network, failures, failed_at, succeeded_at)
VALUES (:name, :browser, 0, now(), now())
ON CONFLICT (name, network) DO UPDATE SET failures = 0, succeeded_at = now()
""")
_SUCCEEDED = text("""
UPDATE console_login SET failures = 0, succeeded_at = now()
WHERE name = :name AND network = :network
""")


def begin(connection: Connection, name: str, network: str, browser: str | None) -> timedelta:
    """Count an attempt as failed, before it is known; or how long there is to wait for one.

    One at a time, in the books: many at once gain nothing.
    """
    connection.execute(_ALONE, {"lock": _LOCK})
    times = {"forgiven": _FORGIVEN, "kept": Session.KNOWN, "period": throttle.PERIOD}
    connection.execute(_DROP_OLD, times)
    is_known = connection.scalar(_IS_KNOWN, {**times, "name": name, "browser": browser})
    values = {**times, "name": name, "network": browser if is_known else network}
    row = connection.execute(_ATTEMPTS, values).one()
    none = timedelta(0)
    found = Attempts(
        failures=int(row.failures),
        ago=row.ago or none,
        of_network=int(row.of_network),
        network_ago=row.network_ago or none,
        of_all=int(row.of_all),
        is_known=row.is_known,
    )
    wait = throttle.wait(found)
    if not wait:
        connection.execute(_COUNT, values)
    return wait


def succeed(connection: Connection, name: str, network: str, browser: str | None) -> None:
    """Forget what failed on this name from these places, and know them from now on."""
    connection.execute(_SUCCEEDED, {"name": name, "network": network})
    if browser is not None:
        connection.execute(_KNOW, {"name": name, "browser": browser})
