"""What an account remembers of an API that fails or throttles; the rate that workers keep."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_COUNTS = ("doubts", "throttles")
_TIMES = ("doubtful_since", "fresh_from", "throttled_at", "throttled_until")
_CHECKS = {
    "account_doubts": "doubts >= 0 AND (doubts = 0) = (doubtful_since IS NULL)",
    "account_throttles": "throttles >= 0",
}


def upgrade() -> None:
    for name in _COUNTS:
        column = sa.Column(name, sa.Integer(), server_default="0", nullable=False)
        op.add_column("account", column)
    for name in _TIMES:
        op.add_column("account", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    for name, condition in _CHECKS.items():
        op.create_check_constraint(op.f(name), "account", condition)
    op.create_index(
        "account_troubled",
        "account",
        ["name"],
        postgresql_where=sa.text("doubts > 0 OR failures > 0"),
    )
    op.add_column("worker", sa.Column("rate", sa.Float(), nullable=True))


def downgrade() -> None:
    op.drop_column("worker", "rate")
    op.drop_index("account_troubled", "account")
    for name in _CHECKS:
        op.drop_constraint(op.f(name), "account")
    for name in (*_TIMES, *_COUNTS):
        op.drop_column("account", name)
