"""Windows on each member's own clock: a chunk's zone, and when its window closes there."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_HAD_AN_OPENING = (
    "(windows IS NULL) = (opens_at IS NULL) AND (windows IS NULL) = (closes_at IS NULL)"
    " AND (windows IS NULL OR opens_at < closes_at)"
)
_HAS_AN_OPENING = (
    "(opens_at IS NULL) = (closes_at IS NULL)"
    " AND (opens_at IS NULL OR windows IS NOT NULL AND opens_at < closes_at)"
)


def upgrade() -> None:
    op.add_column("chunk", sa.Column("zone", sa.Text()))
    op.add_column("chunk", sa.Column("closes_at", sa.DateTime(timezone=True)))
    op.create_index(
        "chunk_closing",
        "chunk",
        ["closes_at", "campaign_id"],
        postgresql_where=sa.text(
            "state = 'pending' AND in_doubt_since IS NULL AND closes_at IS NOT NULL"
        ),
    )
    _check(_HAS_AN_OPENING)


def downgrade() -> None:
    # Windows on members' own clocks are unknown there: none opens.
    op.execute("""
        UPDATE campaign SET opens_at = now() + interval '1000 years',
                            closes_at = now() + interval '1001 years'
        WHERE windows IS NOT NULL AND opens_at IS NULL
    """)
    _check(_HAD_AN_OPENING)
    op.drop_index("chunk_closing", "chunk")
    op.drop_column("chunk", "closes_at")
    op.drop_column("chunk", "zone")


def _check(condition: str) -> None:
    op.drop_constraint(op.f("campaign_window_has_an_opening"), "campaign")
    op.create_check_constraint("window_has_an_opening", "campaign", condition)
