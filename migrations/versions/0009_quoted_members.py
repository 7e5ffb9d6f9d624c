"""Members whom the vendor quoted go from the reasons of purged campaigns, and raw replies from all.

Purging has left the vendor's messages, and a reply that was cut short was written down as it came.
"""

from collections.abc import Sequence

from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_FORGOTTEN = "What the vendor said is no longer kept"
_RAW = "http_status IS NULL AND (error LIKE 'b''%' OR error LIKE 'b\"%')"
_CUT = "the reply is cut short"


def upgrade() -> None:
    op.execute(
        f"UPDATE chunk SET error = '{_FORGOTTEN}'"
        " WHERE members IS NULL AND error IS NOT NULL AND code IS NOT NULL"
    )
    op.execute(f"""
        UPDATE attempt SET error = '{_FORGOTTEN}'
        FROM chunk
        WHERE chunk.campaign_id = attempt.campaign_id AND chunk.sequence = attempt.sequence
          AND chunk.members IS NULL AND attempt.error IS NOT NULL AND attempt.code IS NOT NULL
    """)
    for table in ("chunk", "attempt"):
        op.execute(f"UPDATE {table} SET error = '{_CUT}' WHERE {_RAW}")
    op.execute(r"""
        UPDATE campaign
        SET reason = regexp_replace(
            reason, 'refused it: .* (\(HTTP [0-9]+, code [0-9]+\)[.])$', 'refused it \1')
        WHERE purged_to > 0 AND reason IS NOT NULL
    """)


def downgrade() -> None:
    """What is forgotten stays so."""
