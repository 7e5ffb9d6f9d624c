"""Why a worker takes no message, where it does not."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("worker", sa.Column("silence", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("worker", "silence")
