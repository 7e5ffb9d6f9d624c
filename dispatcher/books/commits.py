"""The rule for every verb that writes: what raises has changed nothing, what is committed returns.

Between the two stands the commit whose reply is lost. Then the server is asked what became of the
transaction, and only where it cannot be asked either is that said.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, Engine, text

from dispatcher.books.session import place_of, transaction
from dispatcher.errors import CommitUnknown, DatabaseUnavailable, DispatcherError

PATIENCE = 10.0
"""Seconds for which a server that lost a commit's reply is asked for its fate."""
_PAUSE = 0.2
_OPEN = "in progress"
_NUMBER = text("SELECT CAST(pg_current_xact_id_if_assigned() AS text)")
# A standby may not have heard of it yet; the server that writes has.
_STATUS = text(f"""
SELECT CASE WHEN pg_is_in_recovery() THEN '{_OPEN}'
            ELSE pg_xact_status(CAST(:number AS xid8)) END
""")

T = TypeVar("T")


def commit(
    engine: Engine,
    change: Callable[[Connection], T],
    *,
    doubt: Callable[[T], str],
    found: Callable[[T, Connection], bool] | None = None,
) -> T:
    """Commit what `change` does; what it gives, once that is certain.

    `doubt` says for a person what may have been committed, and how to see. `found` looks for it in
    the books: a stronger proof than the server's log of transactions, which another server that
    took over may not share.

    Raises CommitUnknown where nobody can say whether it was committed. Whatever else is raised,
    nothing was.
    """
    number = None
    try:
        with transaction(engine) as connection:
            done = change(connection)
            number = connection.scalar(_NUMBER)
    except DatabaseUnavailable as error:
        if number is None:
            raise
        match _fate(engine, number, found and partial(found, done)):
            case True:
                return done
            case False:
                raise DatabaseUnavailable(f"{error} Nothing was committed.") from error
            case None:
                raise CommitUnknown(
                    f"PostgreSQL at {place_of(engine)} was lost while it committed: {doubt(done)}"
                ) from error
    return done


def _fate(engine: Engine, number: str, found: Callable[[Connection], bool] | None) -> bool | None:
    """Whether the transaction was committed; None where that cannot be known in time."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with suppress(DatabaseUnavailable):
            status = _status(engine, number)
            if status != _OPEN and found is not None:
                with transaction(engine) as connection:
                    return found(connection)
            if status != _OPEN:
                return None if status is None else status == "committed"
        time.sleep(_PAUSE)
    return None


def _status(engine: Engine, number: str) -> str | None:
    """What the server says of the transaction; None where its log does not reach there.

    That is so where another server took over that had not heard of it.
    """
    try:
        with transaction(engine) as connection:
            status: str | None = connection.scalar(_STATUS, {"number": number})
    except DatabaseUnavailable:
        raise
    except DispatcherError:
        return None
    return status
