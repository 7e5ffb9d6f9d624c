"""The schema of the books: which revision the database holds, and bringing it up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from dispatcher.books.commits import commit
from dispatcher.books.functions import install, missing
from dispatcher.books.session import transaction
from dispatcher.books.transitions import FUNCTIONS
from dispatcher.errors import SchemaMismatch

_PACKAGE = Path(__file__).resolve().parent.parent
_MIGRATION_LOCK = 0x64697370


def migrate(engine: Engine) -> tuple[str | None, str]:
    """Bring the schema up to date; the revisions before and after.

    Two that migrate at once wait for one another. Raises DatabaseUnavailable, and SchemaMismatch
    where the database is newer than this program.
    """
    before = commit(
        engine,
        _upgrade,
        doubt=lambda _: "it may be migrated; run `dispatcher migrate` again, which does no harm.",
    )
    return before, head_revision()


def _upgrade(connection: Connection) -> str | None:
    """Bring the schema up to date; the revision before."""
    connection.execute(text("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    before = MigrationContext.configure(connection).get_current_revision()
    _refuse_unknown(before)
    config = migration_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    install(connection, FUNCTIONS)
    return before


def check_schema(engine: Engine) -> None:
    """Raise SchemaMismatch unless the database holds exactly this version's schema."""
    with transaction(engine) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        absent = missing(connection, FUNCTIONS)
    _refuse_unknown(current)
    if current != head_revision():
        raise SchemaMismatch(
            f"The database's schema is at {current or 'nothing'}, this version needs "
            f"{head_revision()}: run `dispatcher migrate`."
        )
    if absent:
        raise SchemaMismatch(
            f"The database lacks this version's functions ({', '.join(absent)}): "
            "run `dispatcher migrate`."
        )


def head_revision() -> str:
    """The newest revision that this program knows."""
    return _scripts().get_current_head() or ""


def migration_config() -> Config:
    """Alembic's configuration for our migrations, with no file."""
    config = Config()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    return config


def _refuse_unknown(revision: str | None) -> None:
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise SchemaMismatch(
            f"The database's schema {revision} is newer than this program: upgrade the program."
        )


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(migration_config())


def _migrations() -> Path:
    """Inside the installed package; beside it in a checkout."""
    installed = _PACKAGE / "migrations"
    return installed if installed.is_dir() else _PACKAGE.parent / "migrations"
