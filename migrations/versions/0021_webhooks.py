"""Webhooks: whom a campaign tells of its changes, and what is to be told."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0021"
down_revision: str | None = "0020"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("campaign", sa.Column("notify_url", sa.Text()))
    op.add_column("campaign", sa.Column("events", sa.Integer(), server_default="0", nullable=False))
    op.create_table(
        "webhook",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        *(
            sa.Column(
                name,
                sa.DateTime(timezone=True),
                server_default=sa.text("clock_timestamp()"),
                nullable=False,
            )
            for name in ("created_at", "due_at")
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        *(
            sa.Column(name, sa.DateTime(timezone=True))
            for name in ("first_tried_at", "delivered_at", "given_up_at")
        ),
        sa.Column("http_status", sa.Integer()),
        sa.Column("error", sa.Text()),
        sa.CheckConstraint("sequence > 0 AND attempts >= 0", name=op.f("webhook_counts")),
        sa.CheckConstraint(
            "delivered_at IS NULL OR given_up_at IS NULL", name=op.f("webhook_ends_once")
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name=op.f("webhook_campaign_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("campaign_id", "sequence", name=op.f("webhook_pkey")),
    )
    op.create_index(
        "webhook_undelivered",
        "webhook",
        ["campaign_id", "sequence"],
        postgresql_where=sa.text("delivered_at IS NULL AND given_up_at IS NULL"),
    )
    op.create_index("webhook_created_at", "webhook", ["created_at"])


def downgrade() -> None:
    op.drop_table("webhook")
    op.drop_column("campaign", "events")
    op.drop_column("campaign", "notify_url")
