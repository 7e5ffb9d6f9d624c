"""Accounts that somebody has locked are passed over: what claims and records is another function."""

from collections.abc import Sequence

revision: str = "0028"
down_revision: str | None = "0027"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

FUNCTIONS = (
    "anything_due_a987287f697f",
    "count_due_eacb0aed5176",
    "exchange_chunks_95c81b255706",
    "needed_upkeep_6f16c50861e0",
    "record_chunk_4eb986b01db2",
    "running_campaigns_24ed4d2950b7",
    "sum_up_campaigns_02ee6b7505d0",
)
"""Those of a program from here on: who changes one adds a revision with its own."""


def upgrade() -> None:
    """Nothing of the tables: every `migrate` makes the functions, this one those of a revision."""


def downgrade() -> None:
    """Nothing either: an older program makes its own."""
