"""People by themselves: the standing list of each app, whom nothing is sent to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dispatcher.books import finding, standing
from dispatcher.books.commits import commit
from dispatcher.books.finding import Found
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


def add(connections: Connections, app_id: str, identifiers: Iterable[str]) -> Added:
    """Put these on the app's list, all of them or none."""
    hashes = set(_hashes(connections, app_id, identifiers))
    added = _add(connections, app_id, hashes)
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
                added += _add(connections, app_id, some)
                done += len(some)
                if progress is not None:
                    progress(done, entries.count)
        except DatabaseUnavailable as error:
            raise DatabaseUnavailable(
                f"{error} {done:,} identifiers are on the list; import the same again for the rest."
            ) from error
        return Added(app_id, entries.count, added, entries.count - added)


def _add(connections: Connections, app_id: str, hashes: Iterable[int]) -> int:
    return commit(
        connections.engine,
        lambda connection: standing.add(connection, app_id, set(hashes)),
        doubt=lambda _: "they may be on the list; the same again does no harm.",
    )


def find(connections: Connections, identifier: str) -> tuple[Found, ...]:
    """Look for somebody in every stored audience."""
    with not_while_forking():
        from dispatcher.audience.entries import Workshop

    settings = connections.settings
    wanted = Workshop("", settings.prepare_memory, settings.scratch).stored(identifier)
    with transaction(connections.engine) as connection:
        return finding.find(connection, wanted.fragments, whatever_case=wanted.whatever_case)


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
