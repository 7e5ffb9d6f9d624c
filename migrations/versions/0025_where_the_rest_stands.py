"""Of the members who remain: how many are on the wire, and how many in doubt."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0025"
down_revision: str | None = "0024"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLES = ("campaign", "variant")
_COUNTERS = ("members_sending", "members_in_doubt")


def upgrade() -> None:
    for table in _TABLES:
        for name in _COUNTERS:
            op.add_column(
                table, sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            )
    # The next sweep sums up what is under way.
    op.execute("UPDATE campaign SET summed_at = NULL WHERE finished_at IS NULL")


def downgrade() -> None:
    for table in _TABLES:
        for name in _COUNTERS:
            op.drop_column(table, name)
