"""A pack_id is as unique as the key of its chunk, which it is made of: no index of its own."""

from collections.abc import Sequence

from alembic import op

revision: str = "0026"
down_revision: str | None = "0025"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.drop_constraint(op.f("chunk_pack_id_key"), "chunk")


def downgrade() -> None:
    op.create_unique_constraint(op.f("chunk_pack_id_key"), "chunk", ["pack_id"])
