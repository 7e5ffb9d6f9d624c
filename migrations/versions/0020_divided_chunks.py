"""Parts of chunks that the vendor refused for the value of one user, who is sought."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "part",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("halvings", sa.SmallInteger(), nullable=False),
        sa.Column("refused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("culprit", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("round > 0 AND halvings >= 0", name=op.f("part_counts")),
        sa.ForeignKeyConstraint(
            ["campaign_id", "sequence"],
            ["chunk.campaign_id", "chunk.sequence"],
            name=op.f("part_campaign_id_sequence_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("campaign_id", "sequence", "round", name=op.f("part_pkey")),
    )
    op.create_index("part_origin", "part", ["origin"])


def downgrade() -> None:
    op.drop_table("part")
