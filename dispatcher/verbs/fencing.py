"""Books that were put back: what would be sent from them, and going on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dispatcher.books import fence
from dispatcher.books.commits import commit
from dispatcher.books.fence import Unsent
from dispatcher.books.session import transaction
from dispatcher.epochs import Mark, latest, why_fenced
from dispatcher.forks import not_while_forking
from dispatcher.verbs.connections import Connections

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Fenced:
    """Why nothing is sent from the books, and the campaigns that would go on; keys of `--json`."""

    reason: str
    epoch: int
    campaigns: tuple[Unsent, ...]

    def as_json(self) -> dict[str, Any]:
        """The document of `fence accept --json`."""
        return asdict(self)


def fenced(connections: Connections) -> Fenced | None:
    """Why nothing may be sent, by the books and by what this machine has noted; None if it may."""
    outside = _outside(connections)
    with transaction(connections.engine) as connection:
        found = fence.read(connection)
        if found is None:
            return None
        reason = found.reason or why_fenced(found.standing, outside)
        if reason is None:
            return None
        return Fenced(reason, found.standing.mark.epoch, fence.unsent(connection))


def accept(connections: Connections) -> int:
    """Begin a new epoch with the books as they are; its number."""
    outside = _outside(connections)

    def change(connection: Connection) -> Mark:
        found = fence.read(connection)
        if found is not None and (why := why_fenced(found.standing, outside)):
            fence.raise_(connection, why, found.standing.mark.epoch_id, latest(outside))
        return fence.accept(connection)

    mark = commit(
        connections.engine,
        change,
        doubt=lambda mark: f"epoch {mark.epoch} may have begun; `dispatcher doctor` tells.",
    )
    return mark.epoch


def _outside(connections: Connections) -> list[Mark]:
    """What this machine and the Redis have noted of these books."""
    with transaction(connections.engine) as connection:
        found = fence.read(connection)
    if found is None:
        return []
    with not_while_forking():
        from dispatcher.outside import marks
    return marks(connections.settings, found.standing.mark.books)
