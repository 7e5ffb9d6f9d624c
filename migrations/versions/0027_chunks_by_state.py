"""The chunks of a campaign that ended in one of the rarer states, by number: what a person lists."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0027"
down_revision: str | None = "0026"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ENDED_OTHERWISE = (
    "state IN ('uncounted', 'rejected', 'unresolved', 'expired', 'cancelled', 'withheld')"
)


def upgrade() -> None:
    op.create_index(
        "chunk_ended_otherwise",
        "chunk",
        ["campaign_id", "state", "sequence"],
        postgresql_where=sa.text(_ENDED_OTHERWISE),
    )


def downgrade() -> None:
    op.drop_index("chunk_ended_otherwise", "chunk")
