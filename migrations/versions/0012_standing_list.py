"""Who is to get nothing, by app, as keyed hashes; and how many a campaign withheld."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_COUNTERS = ("standing_version", "members_withheld", "chunks_withheld")
_OF_MEMBERS = ["delivered", "uncounted", "rejected", "unresolved", "expired", "cancelled"]
_OF_CHUNKS = ["pending", "sending", *_OF_MEMBERS]
_WITHHELD = "withheld BETWEEN 0 AND size AND (state = 'withheld') = (withheld = size)"
# 122 bits of the server's strong randomness, in few characters: the shorter, the faster hashed.
_MAKE_KEY = """
INSERT INTO standing_key
SELECT translate(rtrim(encode(uuid_send(gen_random_uuid()), 'base64'), '='), '+/', '-_')
"""


def upgrade() -> None:
    op.create_table(
        "standing_list",
        sa.Column("app_id", sa.Text(), primary_key=True),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("entries", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.create_table(
        "standing",
        sa.Column("app_id", sa.Text(), primary_key=True),
        sa.Column("page", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("hashes", sa.ARRAY(sa.BigInteger()), nullable=False),
    )
    # Hashes cannot be compressed.
    op.execute("ALTER TABLE standing ALTER COLUMN hashes SET STORAGE EXTERNAL")
    op.create_table(
        "standing_key",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.execute(_MAKE_KEY)
    for name in _COUNTERS:
        column = sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
        op.add_column("campaign", column)
    op.add_column("chunk", sa.Column("withheld", sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint("withheld_is_of_its_size", "chunk", _WITHHELD)
    _check_states(["withheld"])


def downgrade() -> None:
    op.drop_constraint(op.f("chunk_withheld_is_of_its_size"), "chunk")
    op.execute("UPDATE chunk SET state = 'cancelled' WHERE state = 'withheld'")
    op.execute("""
        UPDATE campaign
        SET members_cancelled = members_cancelled + members_withheld, members_withheld = 0,
            chunks_cancelled = chunks_cancelled + chunks_withheld, chunks_withheld = 0
    """)
    _check_states([])
    op.drop_column("chunk", "withheld")
    for name in reversed(_COUNTERS):
        op.drop_column("campaign", name)
    for table in ("standing_key", "standing", "standing_list"):
        op.drop_table(table)


def _check_states(further: list[str]) -> None:
    """Let a chunk be in these states besides, and the campaign's numbers add up with them."""
    states = ", ".join(f"'{state}'" for state in _OF_CHUNKS + further)
    members = " + ".join(f"members_{state}" for state in _OF_MEMBERS + further)
    chunks = " + ".join(f"chunks_{state}" for state in _OF_CHUNKS + further)
    for table, name, condition in (
        ("chunk", "state", f"state IN ({states})"),
        ("campaign", "members_add_up", f"members_remaining + {members} = members_total"),
        ("campaign", "chunks_add_up", f"{chunks} = chunks_total"),
    ):
        op.drop_constraint(op.f(f"{table}_{name}"), table)
        op.create_check_constraint(name, table, condition)
