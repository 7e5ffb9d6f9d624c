"""When a campaign is to end, and the rate that is planned to make it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_IS_PLANNED = (
    "(finish_by IS NULL) = (planned_rate IS NULL) AND planned_rate > 0"
    " AND planned_rate < 'infinity'"
)


def upgrade() -> None:
    op.add_column("campaign", sa.Column("finish_by", sa.DateTime(timezone=True), nullable=True))
    op.add_column("campaign", sa.Column("planned_rate", sa.Float(), nullable=True))
    op.create_check_constraint("planned_to_finish", "campaign", _IS_PLANNED)


def downgrade() -> None:
    op.drop_constraint(op.f("campaign_planned_to_finish"), "campaign")
    op.drop_column("campaign", "planned_rate")
    op.drop_column("campaign", "finish_by")
