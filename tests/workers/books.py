"""Campaigns as a producer leaves them in the database, and their rows as a test reads them."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, Row, text

from dispatcher.books import campaigns, making
from dispatcher.books.campaigns import Campaign, Input
from dispatcher.books.making import NewCampaign
from dispatcher.books.session import transaction

_CHUNK = text("""
INSERT INTO chunk (campaign_id, sequence, size, members, published_at)
VALUES (:campaign_id, :sequence, 1, :members, CASE WHEN :published THEN clock_timestamp() END)
""")


def member(sequence: int) -> dict[str, str]:
    """The only member of the chunk of this number."""
    return {"token": f"device-{sequence}"}


def make_campaign(
    engine: Engine, chunks: int = 1, *, published: bool = True, **changes: Any
) -> UUID:
    """A running campaign of chunks of one member each, by default all published just now."""
    new = replace(
        NewCampaign(
            id=uuid4(),
            key=None,
            content_digest="",
            app_id="sandbox-app",
            standing_version=0,
            campaign_tag=None,
            platforms=("ios",),
            account="default",
            message='{"ios":{"payload":{"text":"Hello"}}}',
            rate=None,
            send_at=None,
            expires_at=None,
            windows=None,
            finish_by=None,
            account_rate=None,
            input=Input(read=chunks, invalid=0, duplicates=0, suppressed=0),
            members=chunks,
            chunks=chunks,
        ),
        **changes,
    )
    with transaction(engine) as connection:
        making.create(connection, new)
        for sequence in range(1, chunks + 1):
            values = {
                "campaign_id": new.id,
                "sequence": sequence,
                "members": json.dumps([member(sequence)]),
                "published": published,
            }
            connection.execute(_CHUNK, values)
    return new.id


def chunk(engine: Engine, campaign_id: UUID, sequence: int = 1) -> Row[Any]:
    """A chunk's row."""
    return rows(
        engine,
        "SELECT * FROM chunk WHERE campaign_id = :id AND sequence = :sequence",
        id=campaign_id,
        sequence=sequence,
    )[0]


def show(engine: Engine, campaign_id: UUID) -> Campaign:
    """The campaign as it stands."""
    with transaction(engine) as connection:
        return campaigns.read(connection, campaign_id)


def rows(engine: Engine, query: str, **values: Any) -> list[Row[Any]]:
    """What a query of the test's own finds, or changes."""
    with transaction(engine) as connection:
        result = connection.execute(text(query), values)
        return list(result) if result.returns_rows else []
