"""A campaign's several texts, as rows: made with it, and read for those who look."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text


@dataclass(frozen=True, slots=True)
class NewVariant:
    """One of several texts, with the number of members who get it.

    `share` is that of the members to whom it is dealt at random, where they are; `campaign_tag`
    goes into its requests.
    """

    name: str
    share: float | None
    campaign_tag: str | None
    message: str
    members: int


_CREATE = text("""
INSERT INTO variant (campaign_id, number, name, share, campaign_tag, message, members_total,
                     members_remaining)
VALUES (:campaign_id, :number, :name, :share, :campaign_tag, :message, :members, :members)
""")
_READ = text("SELECT * FROM variant WHERE campaign_id = ANY(:ids) ORDER BY campaign_id, number")


def create(connection: Connection, campaign_id: UUID, variants: Sequence[NewVariant]) -> None:
    """Make the rows of a campaign that was just made; they are numbered from 1."""
    rows = [
        {"campaign_id": campaign_id, "number": number, **asdict(variant)}
        for number, variant in enumerate(variants, 1)
    ]
    if rows:
        connection.execute(_CREATE, rows)


def read(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, list[Row[Any]]]:
    """The rows of these campaigns, in the order of their numbers."""
    found: dict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(_READ, {"ids": list(ids)}):
        found[row.campaign_id].append(row)
    return found
