"""The schema of the books: which revision the database holds, and bringing it up to date.

Only to change it takes Alembic: which revision is there, and which is the newest, every producer
asks before it commits.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from dispatcher.books import ground, roles
from dispatcher.books.commits import commit
from dispatcher.books.functions import install, missing
from dispatcher.books.installed import FUNCTIONS
from dispatcher.books.session import keeping_transactions, transaction
from dispatcher.errors import SchemaMismatch

if TYPE_CHECKING:
    from alembic.config import Config

_PACKAGE = Path(__file__).resolve().parent.parent
_MIGRATION_LOCK = 0x64697370
_DECLARED = re.compile(r'^(revision|down_revision)\b[^=\n]*= (?:"(\w+)"|None)$', re.MULTILINE)
# In the schema where the books are made, whoever else has a table of that name.
_HAS_REVISION = text(
    "SELECT to_regclass(quote_ident(current_schema()) || '.alembic_version') IS NOT NULL"
)
_REVISION = text("SELECT version_num FROM alembic_version")
_NO_LIMITS = text("""
SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0;
-- Meanwhile Python loads Alembic and reads the revisions: seconds on a busy machine.
SET LOCAL idle_in_transaction_session_timeout = 0
""")
# All of them or none: whoever sends holds some and wants others, and who waits for one of them lets
# nobody else at it. Not as long as a deadlock takes to be seen.
_HOLD = text("""
DO $$
DECLARE
    busy text := (
        SELECT string_agg(name, ', ')
        FROM unnest(ARRAY['chunk', 'attempt', 'variant', 'campaign', 'account']) AS name
        WHERE to_regclass(quote_ident(current_schema()) || '.' || name) IS NOT NULL);
BEGIN
    LOOP
        BEGIN
            SET LOCAL lock_timeout = '200ms';
            EXECUTE 'LOCK TABLE ' || busy || ' IN ACCESS EXCLUSIVE MODE';
            SET LOCAL lock_timeout = 0;
            RETURN;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            PERFORM pg_sleep(0.2);
        END;
    END LOOP;
END $$
""")


def migrate(engine: Engine) -> tuple[str | None, str]:
    """Bring the schema up to date; the revisions before and after.

    Two that migrate at once wait for one another. Raises DatabaseUnavailable, and SchemaMismatch
    where the database is newer than this program.
    """
    with keeping_transactions(engine):
        before = commit(
            engine,
            _upgrade,
            doubt=lambda _: "it may be migrated; run `dispatcher migrate` again: it does no harm.",
        )
    return before, head_revision()


def _upgrade(connection: Connection) -> str | None:
    """Bring the schema up to date; the revision before."""
    connection.execute(_NO_LIMITS)
    from alembic import command

    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    ground.check(connection)
    before = _current_revision(connection)
    _refuse_unknown(before)
    changes = before != head_revision() or bool(missing(connection, FUNCTIONS))
    if changes:
        ground.check_right_to_build(connection)
    if before not in (None, head_revision()):
        connection.execute(_HOLD)
    config = migration_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    install(connection, FUNCTIONS)
    if changes:
        roles.renew(connection)
    return before


def migrate_roles(engine: Engine) -> None:
    """Have the least-privilege roles, with their rights on these books, which are up to date.

    Raises ServiceError where we may not create roles, or own the tables.
    """
    with keeping_transactions(engine):
        commit(
            engine,
            _make_roles,
            doubt=lambda _: (
                "the roles may be made; run `dispatcher migrate --roles` again: it does no harm."
            ),
        )


def _make_roles(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    roles.make(connection)


def check_schema(engine: Engine) -> None:
    """Raise SchemaMismatch unless the database holds exactly this version's schema."""
    with keeping_transactions(engine), transaction(engine) as connection:
        check_schema_of(connection)


def check_schema_of(connection: Connection) -> None:
    """The same, over a connection that is there."""
    ground.check(connection)
    check_version(connection)


def check_version(connection: Connection) -> None:
    """Raise SchemaMismatch where the tables or functions are of another version than this one."""
    _check_revision(connection)
    if absent := missing(connection, FUNCTIONS):
        raise SchemaMismatch(
            f"The database lacks this version's functions ({', '.join(absent)}): "
            "run `dispatcher migrate`."
        )


def _check_revision(connection: Connection) -> None:
    current = _current_revision(connection)
    _refuse_unknown(current)
    if current != head_revision():
        raise SchemaMismatch(
            f"The database's schema is at {current or 'nothing'}, this version needs "
            f"{head_revision()}: run `dispatcher migrate`."
        )


def head_revision() -> str:
    """The newest revision that this program knows: the one that none other follows."""
    followed = _revisions()
    (newest,) = followed.keys() - followed.values()
    return newest


def migration_config() -> Config:
    """Alembic's configuration for our migrations, with no file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    return config


def _current_revision(connection: Connection) -> str | None:
    """The revision that the database holds; None where it was never migrated."""
    if not connection.scalar(_HAS_REVISION):
        return None
    revision: str | None = connection.scalar(_REVISION)
    return revision


def _refuse_unknown(revision: str | None) -> None:
    if revision is not None and revision not in _revisions():
        raise SchemaMismatch(
            f"The database's schema {revision} is newer than this program: upgrade the program."
        )


@cache
def _revisions() -> dict[str, str | None]:
    """Every revision that this program knows, each with the one that it follows."""
    files = (_migrations() / "versions").glob("[0-9]*_*.py")
    declared = [dict(_DECLARED.findall(file.read_text(encoding="utf-8"))) for file in files]
    return {it["revision"]: it["down_revision"] or None for it in declared}


def _migrations() -> Path:
    """Inside the installed package; beside it in a checkout."""
    installed = _PACKAGE / "migrations"
    return installed if installed.is_dir() else _PACKAGE.parent / "migrations"
