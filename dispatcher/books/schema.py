"""The schema of the books: which revision the database holds, and bringing it up to date.

Only to change it takes Alembic: which revision is there, and which is the newest, every producer
asks before it commits.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, TextClause, text
from sqlalchemy.exc import OperationalError

from dispatcher.books import ground, roles
from dispatcher.books.commits import commit
from dispatcher.books.functions import install, missing
from dispatcher.books.installed import FUNCTIONS
from dispatcher.books.session import keeping_transactions, transaction
from dispatcher.errors import SchemaMismatch, ServiceError

if TYPE_CHECKING:
    from alembic.config import Config

_PACKAGE = Path(__file__).resolve().parent.parent
_MIGRATION_LOCK = 0x64697370
_LOCK_NOT_AVAILABLE, _DEADLOCK = "55P03", "40P01"
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
_BUSY = text("""
SELECT coalesce(string_agg(name, ', '), '')
FROM unnest(ARRAY['chunk', 'attempt', 'variant', 'campaign', 'account']) AS name
WHERE to_regclass(quote_ident(current_schema()) || '.' || name) IS NOT NULL
""")
_HOLDER = text("""
SELECT activity.pid, activity.application_name AS program, activity.usename AS role,
       extract(epoch FROM clock_timestamp() - activity.xact_start)::integer AS seconds
FROM pg_locks AS held JOIN pg_stat_activity AS activity USING (pid)
WHERE held.granted AND held.relation = to_regclass(quote_ident(current_schema()) || '.chunk')
  AND held.pid <> pg_backend_pid()
ORDER BY activity.xact_start LIMIT 1
""")
_PATIENCE, _BETWEEN, _SILENT_FOR = 300.0, 1.0, 5.0
"""Seconds until it gives up, between two tries, and until it says whom it waits for."""


def migrate(
    engine: Engine, tell: Callable[[str], None] = lambda words: None
) -> tuple[str | None, str]:
    """Bring the schema up to date; the revisions before and after.

    Two that migrate at once wait for one another; `tell` hears whom it waits for, if it is for
    long. Raises DatabaseUnavailable, ServiceError where somebody keeps the tables for minutes, and
    SchemaMismatch where the database is newer than this program.
    """
    with keeping_transactions(engine):
        before = commit(
            engine,
            partial(_upgrade, tell=tell),
            doubt=lambda _: "it may be migrated; run `dispatcher migrate` again: it does no harm.",
        )
    return before, head_revision()


def _upgrade(connection: Connection, tell: Callable[[str], None]) -> str | None:
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
        _hold(connection, tell)
    config = migration_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    install(connection, FUNCTIONS)
    if changes:
        roles.renew(connection)
    return before


def _hold(connection: Connection, tell: Callable[[str], None]) -> None:
    """Have the tables that whoever sends writes: all of them at once, or none.

    Who sends holds some and wants others, and who waits for one of them lets nobody else at it: so
    it waits for less time than a deadlock takes to be seen, and tries again.
    """
    lock = text(f"LOCK TABLE {connection.scalar(_BUSY)} IN ACCESS EXCLUSIVE MODE")
    began, is_told = time.monotonic(), False
    connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
    while not _locks(connection, lock):
        waited = time.monotonic() - began
        if waited > _PATIENCE:
            raise ServiceError(
                f"The tables cannot be changed: {_whoever_holds(connection)} has read them and "
                "keeps its transaction open. Nothing was changed: end that, and run `dispatcher "
                "migrate` again."
            )
        if waited > _SILENT_FOR and not is_told:
            tell(f"Waiting for {_whoever_holds(connection)}, which keeps the tables ...")
            is_told = True
        time.sleep(_BETWEEN)
    connection.execute(text("SET LOCAL lock_timeout = 0"))


def _locks(connection: Connection, lock: TextClause) -> bool:
    """Whether the lock could be had, within its time."""
    try:
        with connection.begin_nested():
            connection.execute(lock)
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) in (_LOCK_NOT_AVAILABLE, _DEADLOCK):
            return False
        raise
    return True


def _whoever_holds(connection: Connection) -> str:
    holder = connection.execute(_HOLDER).one_or_none()
    if holder is None:
        return "another session"
    program = f" ({holder.program})" if holder.program else ""
    since = "" if holder.seconds is None else f", {holder.seconds} s in its transaction"
    return f"session {holder.pid}{program} of {holder.role}{since}"


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
