"""The look at an app's standing list that a preparation takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from dispatcher.books import joining, standing
from dispatcher.books.session import allow_long_statements, transaction
from dispatcher.forks import not_while_forking
from dispatcher.redaction import remember
from dispatcher.verbs.connections import Connections

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dispatcher.audience.standing import Standing


@dataclass(frozen=True, slots=True)
class Look:
    """The lists' version before anybody was read, and the app's list where anybody is on it."""

    key: str = field(repr=False)
    version: int
    standing: Standing | None

    @property
    def salt(self) -> str:
        """The salt of the members' keys by which they are looked up; none where nobody is."""
        return "" if self.standing is None else self.key


def look(connections: Connections, given: Connection | None, app_id: str) -> Look:
    """The app's list as this campaign is to see it, inside of the caller's transaction if any.

    Whoever is added after this is seen by the claims of the campaign's chunks.
    """
    with not_while_forking():
        from dispatcher.audience.standing import Standing

    with _reading(connections, given) as connection:
        secret = key_of(connection)
        state = standing.state(connection, app_id)
    if not state.entries:
        return Look(secret, state.version, None)
    copy = partial(_copy, connections, given, app_id)
    return Look(secret, state.version, Standing(secret, copy))


def key_of(connection: Connection) -> str:
    """The key of all standing lists' hashes, which no log shows from here on."""
    secret = standing.key(connection)
    remember(secret)
    return secret


def _copy(
    connections: Connections,
    given: Connection | None,
    app_id: str,
    take: Callable[[memoryview], object],
) -> None:
    with _reading(connections, given) as connection:
        standing.copy(connection, app_id, take)


@contextmanager
def _reading(connections: Connections, given: Connection | None) -> Iterator[Connection]:
    if given is not None:
        with joining.within(given) as connection:
            yield connection
        return
    with transaction(connections.engine) as connection:
        allow_long_statements(connection)
        yield connection
