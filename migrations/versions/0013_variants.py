"""Several texts of one campaign, the sum of each one's chunks, and which of them a chunk gets."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SETTLED = ("delivered", "uncounted", "rejected", "unresolved", "expired", "cancelled", "withheld")
_COUNTERS = (
    *(f"members_{name}" for name in ("total", "remaining", *_SETTLED)),
    *(f"result_{name}" for name in ("audience", "successful", "erroneous")),
)
_ADD_UP = (
    f"members_remaining + {' + '.join(f'members_{name}' for name in _SETTLED)} = members_total"
)


def upgrade() -> None:
    op.create_table(
        "variant",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("share", sa.Float(), nullable=True),
        sa.Column("campaign_tag", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in _COUNTERS
        ),
        sa.CheckConstraint("number > 0", name=op.f("variant_number")),
        sa.CheckConstraint("share > 0 AND share <= 1", name=op.f("variant_share")),
        sa.CheckConstraint(_ADD_UP, name=op.f("variant_members_add_up")),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name=op.f("variant_campaign_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("campaign_id", "number", name=op.f("variant_pkey")),
        sa.UniqueConstraint("campaign_id", "name", name=op.f("variant_campaign_id_name_key")),
    )
    op.add_column("chunk", sa.Column("variant", sa.SmallInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("chunk", "variant")
    op.drop_table("variant")
