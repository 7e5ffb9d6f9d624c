"""The time on each member's own clock at which a campaign is due, where it has such a time."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("campaign", sa.Column("wall_time", sa.DateTime(timezone=False)))


def downgrade() -> None:
    op.drop_column("campaign", "wall_time")
