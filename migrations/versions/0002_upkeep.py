"""Upkeep: when a campaign was summed up, which relays go round, lists by state and by tag."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # No time yet: the first sweep sums everything up that has not ended.
    op.add_column("campaign", sa.Column("summed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "worker", sa.Column("relays", sa.Boolean(), server_default=sa.text("true"), nullable=False)
    )
    op.create_index(
        "campaign_by_state", "campaign", ["state", sa.text("created_at DESC"), sa.text("id DESC")]
    )
    op.create_index(
        "campaign_by_tag",
        "campaign",
        ["campaign_tag", sa.text("created_at DESC"), sa.text("id DESC")],
        postgresql_where=sa.text("campaign_tag IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("campaign_by_tag", table_name="campaign")
    op.drop_index("campaign_by_state", table_name="campaign")
    op.drop_column("worker", "relays")
    op.drop_column("campaign", "summed_at")
