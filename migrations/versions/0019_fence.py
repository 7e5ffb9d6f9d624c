"""The fence: what the books say of themselves, to be compared with what was noted outside."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "fence",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("books", sa.Uuid(), nullable=True),
        sa.Column("epoch", sa.Integer(), server_default="1", nullable=False),
        sa.Column("epoch_id", sa.Uuid(), nullable=True),
        sa.Column("epoch_seen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("beat", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("one", name=op.f("fence_is_one")),
        sa.CheckConstraint(
            "(place IS NULL) = (books IS NULL) AND (place IS NULL) = (epoch_id IS NULL)"
            " AND (place IS NULL) = (beat_at IS NULL)",
            name=op.f("fence_has_begun"),
        ),
        sa.CheckConstraint(
            "(raised_at IS NULL) = (reason IS NULL)", name=op.f("fence_raised_for_a_reason")
        ),
        sa.PrimaryKeyConstraint("one", name=op.f("fence_pkey")),
    )
    op.execute("INSERT INTO fence DEFAULT VALUES")


# Nothing would hold back what such books would send a second time.
_PAUSE = """
UPDATE campaign
SET state = 'paused',
    reason = 'The books were put back from a copy: resume may send again what was sent since.'
WHERE state IN ('scheduled', 'running') AND (SELECT raised_at IS NOT NULL FROM fence)
"""


def downgrade() -> None:
    op.execute(_PAUSE)
    op.drop_table("fence")
