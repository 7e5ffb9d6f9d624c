"""The verdict on campaigns: their books, checked against the ledger of the vendor's sandbox."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

from dispatcher.books.audit import verify
from dispatcher.books.campaigns import Campaign, Members
from dispatcher.books.session import transaction


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the books say, what the vendor's ledger says, and which promises are broken."""

    members: Members
    ledger: dict[str, Any]
    broken: tuple[str, ...]

    @property
    def reached(self) -> int:
        """Members whose push is known to have been accepted."""
        return self.members.delivered + self.members.uncounted


def judge(
    books: Sequence[Campaign], ledger: dict[str, Any], engine: Engine, pack_id_window: timedelta
) -> Verdict:
    """Hold campaigns to the promise; the ledger counts what was pushed for them, and no more."""
    sums = zip(*(astuple(campaign.members) for campaign in books), strict=True)
    members = Members(*map(sum, sums))
    broken = [*_broken(members, ledger)]
    for campaign in books:
        with transaction(engine) as connection:
            verdict = verify(connection, UUID(campaign.id), pack_id_window)
        broken += [f"{finding}" for finding in verdict.findings]
    return Verdict(members, ledger, tuple(broken))


def _broken(members: Members, ledger: dict[str, Any]) -> Iterator[str]:
    if ledger["twice"]:
        yield f"{ledger['twice']} members got two pushes"
    reached = members.delivered + members.uncounted
    accounted = reached + members.failed + members.remaining
    if accounted != members.total:
        yield f"{accounted} of {members.total} members are accounted for"
    if not reached <= ledger["members"] <= reached + members.unresolved:
        yield (
            f"{reached} members count as reached and {members.unresolved} as unresolved, "
            f"and the vendor accepted {ledger['members']}"
        )
