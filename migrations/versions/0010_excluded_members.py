"""How many members were left out for what other campaigns sent to them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ADDS_UP = "input_read = input_invalid + input_duplicates + input_suppressed"
_NAME = "campaign_input_adds_up"


def upgrade() -> None:
    op.add_column(
        "campaign", sa.Column("input_excluded", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.drop_constraint(op.f(_NAME), "campaign")
    op.create_check_constraint(
        op.f(_NAME), "campaign", f"{_ADDS_UP} + input_excluded + members_total"
    )


def downgrade() -> None:
    """Who was excluded counts as suppressed, as before."""
    op.drop_constraint(op.f(_NAME), "campaign")
    op.execute("UPDATE campaign SET input_suppressed = input_suppressed + input_excluded")
    op.drop_column("campaign", "input_excluded")
    op.create_check_constraint(op.f(_NAME), "campaign", f"{_ADDS_UP} + members_total")
