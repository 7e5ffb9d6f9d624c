"""People by themselves: the standing list of each app, whom nothing is sent to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from dispatcher.books import finding, standing, transitions
from dispatcher.books.commits import commit
from dispatcher.books.finding import Found, Sought
from dispatcher.books.session import transaction
from dispatcher.errors import DatabaseUnavailable
from dispatcher.forks import not_while_forking
from dispatcher.verbs.connections import Connections
from dispatcher.verbs.options import check_line
from dispatcher.verbs.standing import key_of

if TYPE_CHECKING:
    from dispatcher.audience import Progress, Source
    from dispatcher.audience.entries import Workshop

STEP = 50_000
"""So many are put on a list in one transaction: some tenths of a second."""

ListProgress = Callable[[int, int], None]
"""Told how many identifiers are on the list, of how many."""


@dataclass(frozen=True, slots=True)
class Added:
    """So many different identifiers were given; those `already` on the list stay there."""

    app_id: str
    given: int
    added: int
    already: int

    def as_json(self) -> dict[str, Any]:
        """The document of `suppress add --json`, and of `suppress import --json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Removed:
    """So many different identifiers were given; those `absent` were not on the list."""

    app_id: str
    given: int
    removed: int
    absent: int

    def as_json(self) -> dict[str, Any]:
        """The document of `suppress remove --json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Checked:
    """The identifiers, as they were given, by whether they are on the list."""

    app_id: str
    listed: tuple[str, ...] = field(repr=False)
    absent: tuple[str, ...] = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """The document of `suppress check --json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What forgetting somebody came to: when, the apps on whose lists they are, the chunks that
    they left, and those that may be with the vendor and have to be kept for some minutes.
    """

    at: datetime
    apps: tuple[str, ...]
    left: tuple[Found, ...]
    waiting: tuple[Found, ...]

    def as_json(self) -> dict[str, Any]:
        """The document of `forget --json`."""
        return {
            "at": self.at.isoformat(),
            "apps": list(self.apps),
            "left": [each.as_json() for each in self.left],
            "waiting": [each.as_json() for each in self.waiting],
            "remains": list(REMAINS),
        }


REMAINS = (
    "Backups of PostgreSQL that were made before hold them: let those expire, and forget again "
    "after one of them is restored.",
    "PostgreSQL's write-ahead log, its archive and replicas hold what was written until they are "
    "recycled, and dead rows until vacuum has been there; logs of this program name nobody.",
    "The lists keep a keyed hash of the identifier, so that later audiences leave them out; an app "
    "whose first campaign comes later knows nothing of it.",
    "The vendor, and the files and databases that audiences came from, know nothing of this.",
)
"""Where somebody still is who was forgotten."""

_PATIENCE = 10.0
"""Seconds for which requests on the wire are waited for."""
_PAUSE = 0.2


def add(connections: Connections, app_id: str, identifiers: Iterable[str]) -> Added:
    """Put these on the app's list, all of them or none."""
    hashes = set(_hashes(connections, app_id, identifiers))
    added = _add(connections, app_id, hashes, "suppress add")
    return Added(app_id, len(hashes), added, len(hashes) - added)


def remove(connections: Connections, app_id: str, identifiers: Iterable[str]) -> Removed:
    """Take these off the app's list, all of them or none."""
    hashes = set(_hashes(connections, app_id, identifiers))
    removed = commit(
        connections.engine,
        lambda connection: standing.remove(connection, app_id, hashes),
        doubt=lambda _: "they may be off the list; `dispatcher suppress check` tells.",
    )
    return Removed(app_id, len(hashes), removed, len(hashes) - removed)


def check(connections: Connections, app_id: str, identifiers: Iterable[str]) -> Checked:
    """Who of these is on the app's list."""
    given = [*identifiers] if not isinstance(identifiers, str) else identifiers
    hashes = _hashes(connections, app_id, given)
    with transaction(connections.engine) as connection:
        listed = standing.listed(connection, app_id, set(hashes))
    pairs = list(zip(given, hashes, strict=True))
    return Checked(
        app_id,
        listed=tuple(text for text, each in pairs if each in listed),
        absent=tuple(text for text, each in pairs if each not in listed),
    )


def count(connections: Connections, app_id: str) -> int:
    """How many identifiers are on the app's list."""
    check_line("app_id", app_id)
    with transaction(connections.engine) as connection:
        return standing.count(connection, app_id)


def add_all(
    connections: Connections,
    app_id: str,
    source: Source,
    *,
    format: str | None,
    columns: Mapping[str, str] | None,
    ignore_columns: Iterable[str] | str | None,
    absent: Iterable[str] | str | None,
    reading: Callable[[Progress], None] | None,
    told: Callable[[str], None] | None,
    progress: ListProgress | None,
) -> Added:
    """Put whoever is in the source on the app's list, in steps, once all of it is read."""
    with not_while_forking():
        from dispatcher.audience.rules import rules

    said = rules(columns, ignore_columns, absent, "")
    workshop = _workshop(connections, app_id)
    done = added = 0
    with workshop.read(source, said, format=format, progress=reading, told=told) as entries:
        try:
            for some in entries.steps(STEP):
                added += _add(connections, app_id, some, "suppress import")
                done += len(some)
                if progress is not None:
                    progress(done, entries.count)
        except DatabaseUnavailable as error:
            raise DatabaseUnavailable(
                f"{error} {done:,} identifiers are on the list; import the same again for the rest."
            ) from error
        return Added(app_id, entries.count, added, entries.count - added)


def _add(connections: Connections, app_id: str, hashes: Iterable[int], verb: str) -> int:
    return commit(
        connections.engine,
        lambda connection: standing.add(connection, app_id, set(hashes), verb),
        doubt=lambda _: "they may be on the list; the same again does no harm.",
    )


def find(connections: Connections, identifier: str) -> tuple[Found, ...]:
    """Look for somebody in every stored audience."""
    with transaction(connections.engine) as connection:
        return finding.find(connection, _sought(connections, identifier))


def forget(connections: Connections, identifier: str, progress: ListProgress | None) -> Receipt:
    """Put somebody on every app's list, and take them out of every stored audience and text."""
    sought = _sought(connections, identifier)
    with transaction(connections.engine) as connection:
        apps = standing.apps(connection)
        at = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    for app_id in apps:
        _add(connections, app_id, _hashes(connections, app_id, [identifier]), "forget")
    left: list[Found] = []
    waiting = find(connections, identifier)
    whole, until = len(waiting), time.monotonic() + _PATIENCE
    while waiting:
        still: list[Found] = []
        for each in waiting:
            (left if _leave(connections, sought, each) else still).append(each)
            if progress is not None:
                progress(len(left), whole)
        waiting = tuple(still)
        if waiting and time.monotonic() > until:
            break
        if waiting:
            time.sleep(_PAUSE)
    _leave_texts(connections, sought)
    return Receipt(at, apps, tuple(left), waiting)


def _leave(connections: Connections, sought: Sought, found: Found) -> bool:
    return commit(
        connections.engine,
        lambda connection: transitions.forget(connection, sought, found.campaign, found.chunk),
        doubt=lambda _: "they may have left one more chunk; the same again does no harm.",
    )


def _leave_texts(connections: Connections, sought: Sought) -> None:
    with transaction(connections.engine) as connection:
        quoting = transitions.quoting(connection, sought)
    for campaign_id in quoting:
        commit(
            connections.engine,
            partial(transitions.drop_quotes, sought=sought, campaign_id=campaign_id),
            doubt=lambda _: "texts may quote them no more; the same again does no harm.",
        )


def _sought(connections: Connections, identifier: str) -> Sought:
    with not_while_forking():
        from dispatcher.audience.entries import Workshop

    settings = connections.settings
    return Workshop("", settings.prepare_memory, settings.scratch).sought(identifier)


def _hashes(connections: Connections, app_id: str, identifiers: Iterable[str]) -> Sequence[int]:
    return _workshop(connections, app_id).hashes_of(identifiers)


def _workshop(connections: Connections, app_id: str) -> Workshop:
    """What reads lists for this app, with the key of the books."""
    with not_while_forking():
        from dispatcher.audience.entries import Workshop

    check_line("app_id", app_id)
    settings = connections.settings
    with transaction(connections.engine) as connection:
        secret = key_of(connection)
    return Workshop(secret, settings.prepare_memory, settings.scratch)
