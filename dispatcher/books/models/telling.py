"""What was done, and whom it is told."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from dispatcher.books.acts import VIA
from dispatcher.books.models.base import Base, one_of


class Act(Base):
    """A change, who made it, and through which door; see `books.acts`. It is only ever added to."""

    __tablename__ = "act"
    __table_args__ = (
        CheckConstraint(one_of("via", VIA), "via"),
        Index(
            "act_of_campaign",
            "campaign_id",
            "id",
            postgresql_where=text("campaign_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    campaign_id: Mapped[UUID | None]
    app_id: Mapped[str | None]
    account: Mapped[str | None]
    actor: Mapped[str]
    via: Mapped[str]
    verb: Mapped[str]
    before: Mapped[dict[str, object] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, object] | None] = mapped_column(JSONB)


class Webhook(Base):
    """An event of a campaign that its receiver is told, or is to be told; see `books.outbox`."""

    __tablename__ = "webhook"
    __table_args__ = (
        CheckConstraint("sequence > 0 AND attempts >= 0", "counts"),
        CheckConstraint("delivered_at IS NULL OR given_up_at IS NULL", "ends_once"),
        # What is to be delivered yet: mostly nothing.
        Index(
            "webhook_undelivered",
            "campaign_id",
            "sequence",
            postgresql_where=text("delivered_at IS NULL AND given_up_at IS NULL"),
        ),
        Index("webhook_created_at", "created_at"),
    )

    campaign_id: Mapped[UUID] = mapped_column(
        ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    due_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    attempts: Mapped[int] = mapped_column(server_default="0")
    first_tried_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    given_up_at: Mapped[datetime | None]
    http_status: Mapped[int | None]
    error: Mapped[str | None]
