"""Audiences that are kept, and dropped when their time is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from dispatcher.books import transitions
from dispatcher.books.commits import commit
from dispatcher.books.session import allow_long_statements, transaction
from dispatcher.errors import DatabaseUnavailable, OptionError
from dispatcher.forks import not_while_forking
from dispatcher.settings import Settings
from dispatcher.verbs.connections import Connections

if TYPE_CHECKING:
    from dispatcher.books.keeping import Audiences


def purgeable(connections: Connections, older_than: timedelta | None) -> Audiences:
    """How much `purge` would drop."""
    with not_while_forking():
        from dispatcher.audience import scratch
        from dispatcher.books import keeping

    keep = _checked_keep(connections.settings, older_than)
    with transaction(connections.engine) as connection:
        allow_long_statements(connection)
        found = keeping.measure(connection, keep)
    return replace(found, scratch=len(scratch.leftovers(connections.settings.scratch)))


def purge(connections: Connections, older_than: timedelta | None) -> Audiences:
    """Drop the audiences whose time is over, a few chunks in each transaction."""
    with not_while_forking():
        from dispatcher.audience import scratch
        from dispatcher.books import keeping

    keep = _checked_keep(connections.settings, older_than)
    dropped = purgeable(connections, keep)
    scratch.remove_leftovers(connections.settings.scratch)
    with transaction(connections.engine) as connection:
        ended = keeping.due(connection, keep)
    try:
        for campaign_id in ended:
            while _purge_some(connections, campaign_id, keep):
                pass
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(
            f"{error} What was dropped before stays so; purge again for the rest."
        ) from error
    return dropped


def _checked_keep(settings: Settings, older_than: timedelta | None) -> timedelta:
    keep = settings.keep_audience if older_than is None else older_than
    if keep is None:
        raise OptionError(
            "DISPATCHER_KEEP_AUDIENCE keeps audiences forever: say which ones may go, as in "
            "`--older-than 30`."
        )
    if keep < timedelta(0):
        raise OptionError("older_than is negative: give the time since a campaign's end.")
    return keep


def _purge_some(connections: Connections, campaign_id: UUID, keep: timedelta) -> bool:
    return commit(
        connections.engine,
        lambda connection: transitions.purge(connection, campaign_id, keep),
        doubt=lambda _: "a few more chunks' members may be dropped; purge again for the rest.",
    )
