"""When a campaign may begin fresh chunks: its windows, and the opening that is now or next."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_HAS_AN_OPENING = (
    "(windows IS NULL) = (opens_at IS NULL) AND (windows IS NULL) = (closes_at IS NULL)"
    " AND (windows IS NULL OR opens_at < closes_at)"
)


def upgrade() -> None:
    op.add_column("campaign", sa.Column("windows", sa.ARRAY(sa.Text()), nullable=True))
    op.add_column("campaign", sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("campaign", sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint("window_has_an_opening", "campaign", _HAS_AN_OPENING)


def downgrade() -> None:
    op.drop_constraint(op.f("campaign_window_has_an_opening"), "campaign")
    op.drop_column("campaign", "closes_at")
    op.drop_column("campaign", "opens_at")
    op.drop_column("campaign", "windows")
