"""Users of the console, their sessions, and what failed of attempts to sign in."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_DOORS = "via IN ('cli', 'library', 'api', 'itself')"
_MORE_DOORS = "via IN ('cli', 'library', 'api', 'console', 'itself')"


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name,
        sa.DateTime(timezone=True),
        server_default=sa.text("clock_timestamp()"),
        nullable=False,
    )


def _let_in_by(doors: str) -> None:
    """Acts by these doors alone; those that are there are not looked at again."""
    op.drop_constraint(op.f("act_via"), "act")
    op.execute(f"ALTER TABLE act ADD CONSTRAINT act_via CHECK ({doors}) NOT VALID")
    op.execute("ALTER TABLE act VALIDATE CONSTRAINT act_via")


def upgrade() -> None:
    op.create_table(
        "console_user",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        _now("created_at"),
        sa.CheckConstraint(
            "role IN ('viewer', 'operator', 'admin')", name=op.f("console_user_role")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("console_user_pkey")),
    )
    op.create_table(
        "console_session",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=True),
        sa.Column("starter", sa.Text(), nullable=True),
        _now("began_at"),
        _now("seen_at"),
        sa.CheckConstraint(
            "(user_name IS NULL) <> (starter IS NULL)", name=op.f("console_session_is_somebody_s")
        ),
        sa.ForeignKeyConstraint(
            ["user_name"],
            ["console_user.name"],
            name=op.f("console_session_user_name_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("console_session_pkey")),
        sa.UniqueConstraint("digest", name=op.f("console_session_digest_key")),
    )
    op.create_index("console_session_user_name", "console_session", ["user_name"])
    op.create_table(
        "console_login",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("failures >= 0", name=op.f("console_login_failures")),
        sa.PrimaryKeyConstraint("name", "network", name=op.f("console_login_pkey")),
    )
    _let_in_by(_MORE_DOORS)


def downgrade() -> None:
    # What came by the console came by what serves it.
    op.execute("ALTER TABLE act DROP CONSTRAINT act_via")
    op.execute("UPDATE act SET via = 'api' WHERE via = 'console'")
    op.execute(f"ALTER TABLE act ADD CONSTRAINT act_via CHECK ({_DOORS})")
    for table in ("console_login", "console_session", "console_user"):
        op.drop_table(table)
