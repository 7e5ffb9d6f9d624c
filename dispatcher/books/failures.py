"""The members who were not delivered to, and why, as far as the vendor's answer can tell."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, text

from dispatcher.books.session import transaction
from dispatcher.lifecycle import whole_number

_CHUNKS_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Failure:
    """A member who was not delivered to.

    `precision` tells what the reason is about: `member` where the vendor named this member,
    `chunk` where it holds for everybody in the member's chunk.
    """

    chunk: int
    state: str
    precision: str
    reason: str
    http_status: int | None
    code: int | None
    member: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unnamed:
    """So many members of a delivered chunk got nothing, and the vendor does not say which."""

    chunk: int
    not_found: int
    erroneous: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """So many members of a chunk were not delivered to, and who they are is no longer kept."""

    chunk: int
    members: int


_PAGE = text("""
SELECT chunk.sequence, chunk.size, chunk.state, chunk.members, chunk.audience, chunk.erroneous,
       chunk.http_status, chunk.code, chunk.error, accepted.error_details
FROM chunk
LEFT JOIN attempt AS accepted
    ON accepted.campaign_id = chunk.campaign_id AND accepted.sequence = chunk.sequence
   AND accepted.round = chunk.round AND accepted.outcome = 'accepted'
WHERE chunk.campaign_id = :campaign_id AND chunk.sequence > :after
  AND (chunk.state IN ('rejected', 'unresolved', 'expired', 'cancelled')
       OR chunk.erroneous > 0 OR chunk.audience < chunk.size)
ORDER BY chunk.sequence
LIMIT :page
""")

_REASONS = {
    "expired": "The campaign's time was over before it could be sent",
    "cancelled": "The campaign was cancelled before it was sent",
    "unresolved": "It may have been sent; it cannot be known any more",
}


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
        yield Forgotten(row.sequence, missed)
    else:
        yield from _delivered_to_some(row) if delivered else _to_nobody(row)


def _to_nobody(row: Row[Any]) -> Iterator[Failure]:
    reason = row.error or _REASONS.get(row.state, "")
    for member in json.loads(row.members):
        yield Failure(row.sequence, row.state, "chunk", reason, row.http_status, row.code, member)


def _delivered_to_some(row: Row[Any]) -> Iterator[Failure | Unnamed]:
    """Those whom error_details names, each once, and how many more there are.

    The form of error_details is not documented: an entry names a member when the identifiers in
    it, at its top or one level below, are those of exactly one member of the chunk.
    """
    members = _by_identifier(json.loads(row.members))
    named: set[int] = set()
    for detail in _details(row.error_details):
        member = _named_in(detail, members)
        if member is not None and id(member) not in named:
            named.add(id(member))
            yield Failure(row.sequence, row.state, "member", _said(detail), 200, None, member)
    more = max(0, row.erroneous - len(named))
    unnamed = Unnamed(row.sequence, max(0, row.size - row.audience), more)
    if unnamed.not_found or unnamed.erroneous:
        yield unnamed


def _details(stored: str | None) -> list[dict[str, Any]]:
    """The entries of whatever the vendor sent: a list of them, one alone, or several by name."""
    try:
        found = json.loads(stored or "null", parse_int=whole_number)
    except (ValueError, RecursionError):
        return []
    if isinstance(found, dict):
        several = all(isinstance(value, dict) for value in found.values())
        found = list(found.values()) if several else [found]
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _by_identifier(members: list[dict[str, Any]]) -> dict[tuple[str, Any], dict[str, Any] | None]:
    """Each identifier's member; None where several members share it."""
    found: dict[tuple[str, Any], dict[str, Any] | None] = {}
    for member in members:
        for identifier in member.items():
            found[identifier] = None if identifier in found else member
    return found


def _named_in(
    detail: dict[str, Any], members: Mapping[tuple[str, Any], dict[str, Any] | None]
) -> dict[str, Any] | None:
    inner = [value for value in detail.values() if isinstance(value, dict)]
    for place in (detail, *inner):
        for name, value in place.items():
            if isinstance(value, str | int | float) and members.get((name, value)):
                return members[(name, value)]
    return None


def _said(detail: dict[str, Any]) -> str:
    """What the vendor said of the member, without the identifiers: its texts, in order.

    Half a character, which JSON can spell and no file can hold, is spelt out.
    """
    words = [value for value in detail.values() if isinstance(value, str)]
    said = ", ".join(words) or json.dumps(detail, ensure_ascii=False)
    return said.encode("utf-8", "backslashreplace").decode()
