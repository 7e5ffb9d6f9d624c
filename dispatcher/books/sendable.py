"""A running campaign as a worker needs it."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books.holding import RATE


@dataclass(frozen=True, slots=True)
class Sendable:
    """What a worker needs of a running campaign, besides its chunks."""

    id: UUID
    app_id: str
    campaign_tag: str | None
    account: str
    message: str
    rate: float | None
    variants: tuple[tuple[str, str | None], ...] = ()

    def text(self, variant: int | None) -> tuple[str, str | None]:
        """The message that a chunk's members get, and its tag."""
        if variant is None:
            return self.message, self.campaign_tag
        return self.variants[variant - 1]


_SENDABLE = text(f"""
SELECT id, app_id, campaign_tag, account, message, {RATE} AS rate,
       ARRAY(SELECT ARRAY[variant.message, variant.campaign_tag] FROM variant
             WHERE campaign_id = campaign.id ORDER BY number) AS variants
FROM campaign WHERE id = :campaign_id AND state = 'running'
""")


def read(connection: Connection, campaign_id: UUID) -> Sendable | None:
    """The campaign's fixed part and its rate as it is now; None unless it is running."""
    row = connection.execute(_SENDABLE, {"campaign_id": campaign_id}).one_or_none()
    if row is None:
        return None
    fixed = {name: getattr(row, name) for name in Sendable.__slots__}
    return Sendable(**fixed | {"variants": tuple(map(tuple, row.variants))})
