"""What each part was divided from."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0030"
down_revision: str | None = "0029"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("part", sa.Column("parent", sa.Text()))


def downgrade() -> None:
    op.drop_column("part", "parent")
