"""Campaigns of many members that wait for the approval of a second person."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0024"
down_revision: str | None = "0023"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_UNAPPROVED_DOES_NOT_RUN = "NOT awaits_approval OR state NOT IN ('scheduled', 'running')"


def upgrade() -> None:
    op.add_column(
        "campaign",
        sa.Column("awaits_approval", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.execute(
        "ALTER TABLE campaign ADD CONSTRAINT campaign_unapproved_does_not_run "
        f"CHECK ({_UNAPPROVED_DOES_NOT_RUN}) NOT VALID"
    )
    op.execute("ALTER TABLE campaign VALIDATE CONSTRAINT campaign_unapproved_does_not_run")


def downgrade() -> None:
    # They are paused already, and say what they wait for; then it is a person's to resume them.
    op.drop_constraint(op.f("campaign_unapproved_does_not_run"), "campaign")
    op.drop_column("campaign", "awaits_approval")
