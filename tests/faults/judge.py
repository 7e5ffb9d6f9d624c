"""The verdict on campaigns: their books, checked against the ledger of the vendor's sandbox."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from dispatcher.books.audit import verify
from dispatcher.books.campaigns import Campaign, Members
from dispatcher.books.session import transaction
from dispatcher.settings import Settings
from tests.faults.testimony import Chunk, contradictions, lost_replies
from tests.sandbox_process import PushApi


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the books say, what the vendor's ledger says, and which promises are broken.

    `uncounted` are the pack_ids of which the books say that the vendor's numbers were lost,
    `lost_replies` those that the vendor accepted and spoilt the reply to.
    """

    members: Members
    ledger: dict[str, Any]
    uncounted: frozenset[str]
    lost_replies: frozenset[str]
    broken: tuple[str, ...]

    @property
    def reached(self) -> int:
        """Members whose push is known to have been accepted."""
        return self.members.delivered + self.members.uncounted


def judge(
    books: Sequence[Campaign], push_api: PushApi, engine: Engine, settings: Settings
) -> Verdict:
    """Hold campaigns to the promise; the Push API took what was pushed for them, and no more."""
    sums = zip(*(astuple(campaign.members) for campaign in books), strict=True)
    members = Members(*map(sum, sums))
    chunks = _chunks(engine, [campaign.id for campaign in books])
    ledger, requests = push_api.ledger(), push_api.requests()
    broken = [*_broken(members, ledger)]
    broken += contradictions(
        chunks,
        requests,
        window=settings.pack_id_window.total_seconds(),
        request_timeout=settings.request_timeout.total_seconds(),
    )
    for campaign in books:
        with transaction(engine) as connection:
            verdict = verify(connection, UUID(campaign.id), settings.pack_id_window)
        broken += [f"{finding}" for finding in verdict.findings]
    uncounted = frozenset(chunk.pack_id for chunk in chunks if chunk.state == "uncounted")
    return Verdict(members, ledger, uncounted, lost_replies(requests), tuple(broken))


def _chunks(engine: Engine, campaigns: Sequence[str]) -> list[Chunk]:
    with transaction(engine) as connection:
        rows = connection.execute(
            text("""
                SELECT pack_id, state, audience, successful, erroneous FROM chunk
                WHERE campaign_id::text = ANY(:campaigns)
            """),
            {"campaigns": list(campaigns)},
        )
        return [Chunk(row.pack_id, row.state, tuple(row[2:])) for row in rows]


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
