"""A campaign is committed with all its chunks, or not at all: the commit itself sees to it."""

from collections.abc import Sequence

from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_FUNCTION = """
CREATE FUNCTION campaign_is_whole() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $function$
DECLARE
    made record;
    came record;
BEGIN
    SELECT chunks_total, members_total INTO made FROM campaign WHERE id = NEW.id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT count(*) AS chunks, coalesce(sum(size), 0) AS members INTO came
    FROM chunk WHERE campaign_id = NEW.id;
    IF came.chunks <> made.chunks_total OR came.members <> made.members_total THEN
        RAISE EXCEPTION 'campaign % came with % of its % chunks and % of its % members',
            NEW.id, came.chunks, made.chunks_total, came.members, made.members_total
            USING ERRCODE = 'check_violation', CONSTRAINT = 'campaign_is_whole';
    END IF;
    RETURN NULL;
END $function$
"""
_TRIGGER = """
CREATE CONSTRAINT TRIGGER campaign_is_whole AFTER INSERT ON campaign
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION campaign_is_whole()
"""


def upgrade() -> None:
    op.execute(_FUNCTION)
    op.execute(_TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER campaign_is_whole ON campaign")
    op.execute("DROP FUNCTION campaign_is_whole()")
