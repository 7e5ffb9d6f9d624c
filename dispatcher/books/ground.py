"""What the books stand on: the database's encoding, a schema to be in, and the role's rights."""

from collections.abc import Iterable

from sqlalchemy import Connection, text

from dispatcher.books.transitions import FUNCTIONS
from dispatcher.errors import ServiceError

_OTHER_SCHEMA = "name another at the end of DISPATCHER_DATABASE_URL, ?options=-csearch_path=NAME"
_GROUND = text("""
SELECT current_setting('server_encoding') AS encoding, current_database() AS database,
       current_schema() AS schema, current_setting('search_path') AS path, current_user AS role
""")
_MAY_CREATE = text("SELECT has_schema_privilege(current_schema(), 'CREATE')")
_LACKING = text("""
SELECT privilege || ' on ' || name
FROM unnest(CAST(:tables AS text[])) AS name
CROSS JOIN unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS privilege
WHERE NOT has_table_privilege(
    to_regclass(quote_ident(current_schema()) || '.' || name), privilege)
UNION ALL
SELECT 'EXECUTE on ' || name
FROM unnest(CAST(:functions AS text[])) AS name
WHERE NOT has_function_privilege(to_regproc(name), 'EXECUTE')
""")


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


def lacking_rights(connection: Connection, tables: Iterable[str]) -> list[str]:
    """The rights on the books that a worker of this role lacks, as in `UPDATE on chunk`."""
    names = {
        "tables": list(tables),
        "functions": [function.name for function in FUNCTIONS],
    }
    return list(connection.scalars(_LACKING, names))


def role_and_schema(connection: Connection) -> tuple[str, str]:
    """Who we are to the database, and where the books are."""
    found = connection.execute(_GROUND).one()
    return found.role, found.schema
