"""The members who were not delivered to, and why, as far as the vendor's answer can tell."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, text

from dispatcher.books.naming import read_details
from dispatcher.books.session import transaction

_CHUNKS_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Failure:
    """A member who was not delivered to.

    `precision` tells what the reason is about: `member` where the vendor named this member, or
    refused a request for their value alone; `chunk` where it holds for everybody in the member's
    chunk. `variant` is the text that was meant for the member, where there are several.
    """

    chunk: int
    state: str
    precision: str
    reason: str
    http_status: int | None
    code: int | None
    member: dict[str, Any] = field(repr=False)
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Unnamed:
    """So many members of a delivered chunk got nothing, and the vendor does not say which."""

    chunk: int
    not_found: int
    erroneous: int
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """So many members of a chunk were not delivered to, and who they are is no longer kept."""

    chunk: int
    members: int
    variant: str | None = None


_PAGE = text("""
SELECT chunk.sequence, chunk.size - chunk.withheld AS size, chunk.state, chunk.members,
       chunk.audience, chunk.erroneous, chunk.http_status, chunk.code, chunk.error,
       accepted.error_details, variant.name AS variant,
       EXISTS (SELECT FROM part WHERE part.campaign_id = chunk.campaign_id
                 AND part.sequence = chunk.sequence AND culprit) AS alone
FROM chunk
LEFT JOIN variant
    ON variant.campaign_id = chunk.campaign_id AND variant.number = chunk.variant
LEFT JOIN attempt AS accepted
    ON accepted.campaign_id = chunk.campaign_id AND accepted.sequence = chunk.sequence
   AND accepted.round = chunk.round AND accepted.outcome = 'accepted'
WHERE chunk.campaign_id = :campaign_id AND chunk.sequence > :after
  AND (chunk.state IN ('rejected', 'unresolved', 'expired', 'cancelled')
       OR chunk.erroneous > 0 OR chunk.audience < chunk.size - chunk.withheld)
ORDER BY chunk.sequence
LIMIT :page
""")

_REASONS = {
    "expired": "The campaign's time was over before it could be sent",
    "cancelled": "The campaign was cancelled before it was sent",
    "unresolved": "It may have been sent; it cannot be known any more",
}

_UNSAID = "The vendor does not say why"


def failures(engine: Engine, campaign_id: UUID) -> Iterator[Failure | Unnamed | Forgotten]:
    """Everybody who was not delivered to, chunk by chunk; read in short transactions."""
    after = 0
    while True:
        with transaction(engine) as connection:
            values = {"campaign_id": campaign_id, "after": after, "page": _CHUNKS_A_PAGE}
            page = connection.execute(_PAGE, values).all()
        for row in page:
            yield from _told(row)
        if len(page) < _CHUNKS_A_PAGE:
            return
        after = page[-1].sequence


def _told(row: Row[Any]) -> Iterator[Failure | Unnamed | Forgotten]:
    delivered = row.state == "delivered"
    if row.members is None:
        missed = max(0, row.size - row.audience) + row.erroneous if delivered else row.size
        yield Forgotten(row.sequence, missed, row.variant)
    else:
        yield from _delivered_to_some(row) if delivered else _to_nobody(row)


def _to_nobody(row: Row[Any]) -> Iterator[Failure]:
    reason = row.error or _REASONS.get(row.state, "")
    precision = "member" if row.alone and row.state == "rejected" else "chunk"
    for member in filter(None, json.loads(row.members)):  # who was forgotten is nobody
        about = (precision, reason, row.http_status, row.code)
        yield Failure(row.sequence, row.state, *about, member, row.variant)


def _delivered_to_some(row: Row[Any]) -> Iterator[Failure | Unnamed]:
    """Those whom the vendor named, each once, and how many more there are."""
    members = json.loads(row.members)
    named = read_details(row.error_details, members)
    for place, said in ((place, said) for place, said in named if members[place]):
        about = ("member", said or _UNSAID, 200, None)
        yield Failure(row.sequence, row.state, *about, members[place], row.variant)
    more = max(0, row.erroneous - len(named))
    unnamed = Unnamed(row.sequence, max(0, row.size - row.audience), more, row.variant)
    if unnamed.not_found or unnamed.erroneous:
        yield unnamed
