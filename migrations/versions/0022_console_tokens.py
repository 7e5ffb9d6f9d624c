"""Tokens of the HTTP API, of which only the hash is kept."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "console_token",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "role IN ('viewer', 'operator', 'admin')", name=op.f("console_token_role")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("console_token_pkey")),
        sa.UniqueConstraint("digest", name=op.f("console_token_digest_key")),
    )


def downgrade() -> None:
    op.drop_table("console_token")
