"""What the books stand on: the database's encoding, a schema to be in, and the role's rights."""

from sqlalchemy import Connection, text

from dispatcher.errors import ServiceError

_OTHER_SCHEMA = "name another at the end of DISPATCHER_DATABASE_URL, ?options=-csearch_path=NAME"
_GROUND = text("""
SELECT current_setting('server_encoding') AS encoding, current_database() AS database,
       current_schema() AS schema, current_setting('search_path') AS path, current_user AS role
""")
_MAY_CREATE = text("SELECT has_schema_privilege(current_schema(), 'CREATE')")


def check(connection: Connection) -> None:
    """Raise ServiceError where this database cannot hold the books, or the role has no schema."""
    found = connection.execute(_GROUND).one()
    if found.encoding != "UTF8":
        raise ServiceError(
            f"The database {found.database} is encoded in {found.encoding}, which cannot hold all "
            "that a message and a member's identifiers may have in them: make another one, "
            "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0."
        )
    if found.schema is None:
        raise ServiceError(
            f"The search_path of the role {found.role} ({found.path}) names no schema of the "
            f"database {found.database} that it may use: CREATE SCHEMA one, GRANT USAGE on it, or "
            f"{_OTHER_SCHEMA}."
        )


def check_right_to_build(connection: Connection) -> None:
    """Raise ServiceError where the role may not create tables."""
    if not connection.scalar(_MAY_CREATE):
        found = connection.execute(_GROUND).one()
        raise ServiceError(
            f"The role {found.role} may create nothing in the schema {found.schema} of "
            f"{found.database}: GRANT CREATE ON SCHEMA {found.schema} TO {found.role}, or "
            f"{_OTHER_SCHEMA}."
        )


def role_and_schema(connection: Connection) -> tuple[str, str]:
    """Who we are to the database, and where the books are."""
    found = connection.execute(_GROUND).one()
    return found.role, found.schema
