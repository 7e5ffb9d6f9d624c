"""A bound on a campaign's errors, and the canary that goes before the rest."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_COUNTERS = (
    *("guard_measured", "guard_errors"),
    *(f"canary_{name}" for name in ("remaining", "measured", "errors", "lost")),
)
_CHECKS = {
    "campaign_max_error_rate": "max_error_rate > 0 AND max_error_rate < 1",
    "campaign_guarded_by_a_rate": "guarded_since IS NULL OR max_error_rate IS NOT NULL",
    "campaign_canary_state": (
        "canary_state IN ('running', 'passed', 'failed', 'undecided', 'unmeasurable')"
    ),
    "campaign_canary_is_a_part": (
        "(canary_members IS NULL) = (canary_state IS NULL)"
        " AND (canary_members IS NULL OR max_error_rate IS NOT NULL)"
        " AND canary_members > 0 AND canary_members < members_total"
    ),
}
_FIRST = "canary AND state = 'pending' AND in_doubt_since IS NULL AND published_at IS NULL"


def _columns() -> Iterator[sa.Column[Any]]:
    yield sa.Column("max_error_rate", sa.Float(), nullable=True)
    yield sa.Column("guarded_since", sa.DateTime(timezone=True), nullable=True)
    yield sa.Column("awaits_verdict", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    yield sa.Column("canary_members", sa.BigInteger(), nullable=True)
    yield sa.Column("canary_state", sa.Text(), nullable=True)
    for name in _COUNTERS:
        yield sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def upgrade() -> None:
    for column in _columns():
        op.add_column("campaign", column)
    for name, condition in _CHECKS.items():
        op.create_check_constraint(op.f(name), "campaign", condition)
    op.add_column(
        "chunk", sa.Column("canary", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_index(
        "chunk_canary",
        "chunk",
        ["campaign_id", "due_at", "sequence"],
        postgresql_where=sa.text(_FIRST),
    )


# Nothing would watch its errors any more, nor hold the rest of it back.
_PAUSE = """
UPDATE campaign
SET state = 'paused',
    reason = 'Its errors cannot be tested by this version of the program: resume sends the rest.'
WHERE state IN ('scheduled', 'running')
  AND (guarded_since IS NOT NULL OR awaits_verdict OR canary_state = 'running')
"""


def downgrade() -> None:
    op.execute(_PAUSE)
    op.drop_index("chunk_canary", "chunk")
    op.drop_column("chunk", "canary")
    for name in reversed(_CHECKS):
        op.drop_constraint(op.f(name), "campaign")
    for column in _columns():
        op.drop_column("campaign", column.name)
