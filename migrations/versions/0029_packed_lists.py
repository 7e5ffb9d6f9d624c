"""The hashes of a standing list as they are copied, kept by the server, whoever writes them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0029"
down_revision: str | None = "0028"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_PACKED = "coalesce((SELECT string_agg(int8send(hash), '') FROM unnest({hashes}) AS hash), '')"
_FUNCTION = f"""
CREATE FUNCTION standing_is_packed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.packed := {_PACKED.format(hashes="NEW.hashes")};
    RETURN NEW;
END $$
"""
_TRIGGER = """
CREATE TRIGGER standing_is_packed BEFORE INSERT OR UPDATE OF hashes ON standing
FOR EACH ROW EXECUTE FUNCTION standing_is_packed()
"""


def upgrade() -> None:
    op.add_column("standing", sa.Column("packed", sa.LargeBinary()))
    op.execute("ALTER TABLE standing ALTER COLUMN packed SET STORAGE EXTERNAL")
    op.execute(f"UPDATE standing SET packed = {_PACKED.format(hashes='hashes')}")
    op.alter_column("standing", "packed", nullable=False)
    op.create_check_constraint(
        "packed_has_all_hashes", "standing", "octet_length(packed) = 8 * cardinality(hashes)"
    )
    op.execute(_FUNCTION)
    op.execute(_TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER standing_is_packed ON standing")
    op.execute("DROP FUNCTION standing_is_packed()")
    op.drop_constraint(op.f("standing_packed_has_all_hashes"), "standing")
    op.drop_column("standing", "packed")
