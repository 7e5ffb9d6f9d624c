"""Attempts to sign in to the console, counted by name and network; neither is kept in clear.

A name may be a password that was typed into the wrong field: what is kept is a keyed digest.
"""

from datetime import timedelta

from sqlalchemy import Connection, text

from dispatcher import throttle
from dispatcher.throttle import Attempts

_LOCK = 0x64697371
_KEPT = timedelta(days=30)
"""For so long somebody is known who has signed in from a network."""
_FORGIVEN = timedelta(days=1)

_ALONE = text("SELECT pg_advisory_xact_lock(:lock)")
_DROP_OLD = text("""
DELETE FROM console_login
WHERE failed_at < now() - CAST(:forgiven AS interval)
  AND coalesce(succeeded_at < now() - CAST(:kept AS interval), true)
""")
_ATTEMPTS = text("""
SELECT
    coalesce(sum(failures) FILTER (WHERE name = :name AND network = :network
        AND failed_at > now() - CAST(:forgiven AS interval)), 0) AS failures,
    now() - max(failed_at) FILTER (WHERE name = :name AND network = :network) AS ago,
    coalesce(sum(failures) FILTER (WHERE network = :network AND recent), 0) AS of_network,
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
_SUCCEEDED = text("""
UPDATE console_login SET failures = 0, succeeded_at = now()
WHERE name = :name AND network = :network
""")


def begin(connection: Connection, name: str, network: str) -> timedelta:
    """Count an attempt as failed, before it is known; or how long there is to wait for one.

    One at a time, in the books: many at once gain nothing.
    """
    connection.execute(_ALONE, {"lock": _LOCK})
    times = {"forgiven": _FORGIVEN, "kept": _KEPT, "period": throttle.PERIOD}
    connection.execute(_DROP_OLD, times)
    values = {**times, "name": name, "network": network}
    row = connection.execute(_ATTEMPTS, values).one()
    ago = timedelta(0) if row.ago is None else row.ago
    found = Attempts(int(row.failures), ago, int(row.of_network), int(row.of_all), row.is_known)
    wait = throttle.wait(found)
    if not wait:
        connection.execute(_COUNT, values)
    return wait


def succeed(connection: Connection, name: str, network: str) -> None:
    """Forget what failed on this name from this network, and know them from now on."""
    connection.execute(_SUCCEEDED, {"name": name, "network": network})
