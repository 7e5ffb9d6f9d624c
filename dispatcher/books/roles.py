"""Who may do what in the database: three roles, and the rights of each on everything in the books.

They are groups that nobody logs in as: a program's own user is granted one, and may do what its
verbs need and no more. What stands here is decided for every table and function; what does not may
be touched by their owner alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from dispatcher.books.installed import FUNCTIONS
from dispatcher.errors import ServiceError

PRODUCER = "dispatcher_producer"
"""Hands campaigns over, steers them and names members; a worker's part it cannot play."""
WORKER = "dispatcher_worker"
"""Sends: it changes no campaign's content, and makes none."""
READER = "dispatcher_reader"
"""Looks at numbers and states, never at whom a campaign is for."""
ROLES = (PRODUCER, WORKER, READER)


@dataclass(frozen=True, slots=True)
class Right:
    """A privilege on a table: on these columns alone, on all but some, or else on all of it."""

    privilege: str
    only: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    def columns(self, of_table: list[str]) -> list[str]:
        """Those of the table's columns that it is about, none where it is about all."""
        if self.only:
            return list(self.only)
        return [name for name in of_table if name not in self.but] if self.but else []


_CONTENT = (
    "id",
    "key",
    "content_digest",
    "app_id",
    "standing_version",
    "campaign_tag",
    "account",
    "platforms",
    "message",
    "created_at",
    "send_at",
    "test",
    "wall_time",
    "canary_members",
    "notify_url",
)
_PLACE = ("campaign_id", "sequence", "variant", "zone", "canary", "pack_id")
_TEXT = ("campaign_id", "number", "name", "share", "campaign_tag", "message", "members_total")
_EVENT = ("campaign_id", "sequence", "type", "created_at")
_ORDERS = (
    *("rate", "expires_at", "windows", "finish_by", "max_error_rate", "guarded_since"),
    "awaits_approval",
)
_SELECT, _INSERT, _UPDATE, _DELETE = map(Right, ("SELECT", "INSERT", "UPDATE", "DELETE"))

RIGHTS: Mapping[str, Mapping[str, tuple[Right, ...]]] = {
    "campaign": {
        PRODUCER: (_SELECT, _INSERT, Right("UPDATE", but=_CONTENT)),
        WORKER: (_SELECT, Right("UPDATE", but=_CONTENT + _ORDERS)),
        READER: (_SELECT,),
    },
    "variant": {
        PRODUCER: (_SELECT, _INSERT, Right("UPDATE", but=_TEXT)),
        WORKER: (_SELECT, Right("UPDATE", but=_TEXT)),
        READER: (_SELECT,),
    },
    "chunk": {
        PRODUCER: (_SELECT, _INSERT, Right("UPDATE", but=(*_PLACE, "size"))),
        # It divides what the vendor refuses for one user's value.
        WORKER: (_SELECT, _INSERT, Right("UPDATE", but=_PLACE)),
        READER: (Right("SELECT", but=("members",)),),
    },
    "part": {
        PRODUCER: (_SELECT,),
        WORKER: (_SELECT, _INSERT, Right("UPDATE", only=("refused", "culprit"))),
        READER: (_SELECT,),
    },
    "attempt": {
        PRODUCER: (_SELECT, Right("UPDATE", only=("error", "error_details"))),
        WORKER: (_SELECT, _INSERT, _UPDATE),
        READER: (Right("SELECT", but=("error_details",)),),
    },
    "account": {
        PRODUCER: (_SELECT, _INSERT, _UPDATE),
        WORKER: (_SELECT, _UPDATE),
        READER: (_SELECT,),
    },
    "worker": {
        PRODUCER: (_SELECT,),
        WORKER: (_SELECT, _INSERT, _UPDATE, _DELETE),
        READER: (_SELECT,),
    },
    "fence": {
        PRODUCER: (_SELECT, _INSERT, _UPDATE),
        WORKER: (_SELECT, _INSERT, _UPDATE),
        READER: (_SELECT,),
    },
    "standing_list": {
        PRODUCER: (_SELECT, _INSERT, _UPDATE),
        WORKER: (_SELECT,),
        READER: (_SELECT,),
    },
    "standing": {
        PRODUCER: (_SELECT, _INSERT, Right("UPDATE", only=("hashes",)), _DELETE),
        WORKER: (_SELECT,),
    },
    "standing_key": {
        PRODUCER: (_SELECT, Right("UPDATE", only=("version",))),
        WORKER: (_SELECT,),
    },
    "console_token": {PRODUCER: (_SELECT, _INSERT, _DELETE)},
    "console_user": {
        PRODUCER: (_SELECT, _INSERT, Right("UPDATE", only=("role", "password")), _DELETE)
    },
    "console_session": {PRODUCER: (_SELECT, _INSERT, Right("UPDATE", only=("seen_at",)), _DELETE)},
    "console_session_id_seq": {},
    "console_login": {PRODUCER: (_SELECT, _INSERT, _UPDATE, _DELETE)},
    # Whoever changes something says so, and nobody takes it back.
    "act": {PRODUCER: (_SELECT, _INSERT), WORKER: (_SELECT, _INSERT), READER: (_SELECT,)},
    "act_id_seq": {},
    "webhook": {
        PRODUCER: (_SELECT, _INSERT, Right("UPDATE", but=_EVENT)),
        WORKER: (_SELECT, _INSERT, Right("UPDATE", but=_EVENT), _DELETE),
        READER: (_SELECT,),
    },
    "alembic_version": {PRODUCER: (_SELECT,), WORKER: (_SELECT,), READER: (_SELECT,)},
}
"""By table and role. A new table is nobody's until it stands here; what numbers a table's rows goes
with the right to add some.
"""

CALLERS: Mapping[str, tuple[str, ...]] = {
    **{function.title: (WORKER,) for function in FUNCTIONS},
    # Orders end campaigns, and `doctor` tries what a relay would do; all with their own rights.
    "sum_up_campaigns": (PRODUCER, WORKER),
    "needed_upkeep": ROLES,
    # Triggers call them, whoever makes a campaign, or adds to a list.
    "campaign_is_whole": (),
    "standing_is_packed": (),
}
"""Who may call which function, by its name without the digest."""

_MISSING = text("""
SELECT name FROM unnest(CAST(:roles AS text[])) WITH ORDINALITY AS asked(name, place)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) ORDER BY place
""")
_MAY_CREATE = text("""
SELECT current_user, rolsuper OR rolcreaterole AS may FROM pg_roles WHERE rolname = current_user
""")
_ANOTHERS = text("""
SELECT current_user AS us, pg_get_userbyid(relowner) AS owner FROM pg_class
WHERE oid = to_regclass('alembic_version') AND NOT pg_has_role(relowner, 'USAGE')
""")
_COLUMNS = text("""
SELECT relname AS table, array_agg(attname::text ORDER BY attnum) AS columns
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
GROUP BY relname
""")
_SIGNATURES = text("""
SELECT regexp_replace(proname, '_[0-9a-f]{12}$', '') AS title, pg_proc.oid::regprocedure AS named
FROM pg_proc WHERE pronamespace = current_schema()::regnamespace ORDER BY 2
""")
_ARE_GRANTED = text("""
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)
   AND has_table_privilege(:role, 'alembic_version', 'SELECT')
""")
_SCHEMA = text("SELECT quote_ident(current_schema())")


def make(connection: Connection) -> None:
    """Have the roles, with exactly these rights on the books in the schema that we are in.

    Raises ServiceError where the tables are not ours, or we may not create roles that are missing.
    """
    _check_ownership(connection)
    if missing := list(connection.scalars(_MISSING, {"roles": list(ROLES)})):
        _check_right_to_create(connection, missing)
    for name in missing:
        connection.exec_driver_sql(f"CREATE ROLE {name} NOLOGIN")
    grant(connection)


def renew(connection: Connection) -> None:
    """Give the rights again after a migration, where these books know the roles."""
    if connection.scalar(_ARE_GRANTED, {"role": READER}):
        grant(connection)


def grant(connection: Connection) -> None:
    """Take every right on the books from the roles, and give them those that stand here."""
    for statement in _statements(connection):
        connection.exec_driver_sql(statement)


def lacking(connection: Connection, role: str) -> list[str]:
    """Which of this role's rights on the books we lack, as in `UPDATE on chunk`."""
    columns = _columns(connection)
    asked = [
        (right.privilege, table, column)
        for table, of in RIGHTS.items()
        for right in of.get(role, ())
        for column in right.columns(columns.get(table, [])) or columns.get(table, [""])
    ]
    privileges, tables, names = map(list, zip(*asked, strict=True))
    held = {"privileges": privileges, "tables": tables, "columns": names}
    callable_by = [name for name, callers in CALLERS.items() if role in callers]
    functions = [function.name for function in FUNCTIONS if function.title in callable_by]
    lacks = connection.scalars(_LACKING, {**held, "functions": functions})
    return list(dict.fromkeys(lacks))


_LACKING = text("""
SELECT privilege || ' on ' || name
FROM unnest(CAST(:privileges AS text[]), CAST(:tables AS text[]), CAST(:columns AS text[]))
    WITH ORDINALITY AS asked(privilege, name, col, place)
CROSS JOIN LATERAL to_regclass(quote_ident(current_schema()) || '.' || name) AS found
WHERE NOT CASE WHEN privilege = 'DELETE' THEN has_table_privilege(found, privilege)
               ELSE has_column_privilege(found, col, privilege) END
UNION ALL
SELECT 'EXECUTE on ' || name
FROM unnest(CAST(:functions AS text[])) AS name
WHERE NOT has_function_privilege(to_regproc(name), 'EXECUTE')
""")


def check_right_to_send(connection: Connection) -> None:
    """Raise ServiceError where we lack what a worker does."""
    if lacks := lacking(connection, WORKER):
        us = connection.scalar(text("SELECT quote_ident(current_user)"))
        raise ServiceError(
            f"The role {us} lacks {', '.join(lacks)}, and a worker needs it: GRANT {WORKER} TO "
            f"{us}; `dispatcher migrate --roles` makes that role."
        )


def _check_ownership(connection: Connection) -> None:
    row = connection.execute(_ANOTHERS).one_or_none()
    if row is not None:
        raise ServiceError(
            f"The role {row.us} may give no rights on the books, as {row.owner} owns them: run "
            f"`dispatcher migrate --roles` as {row.owner}."
        )


def _check_right_to_create(connection: Connection, missing: list[str]) -> None:
    us, may = connection.execute(_MAY_CREATE).one()
    if not may:
        made = " ".join(f"CREATE ROLE {name} NOLOGIN;" for name in missing)
        raise ServiceError(
            f"The role {us} may create no roles: run `dispatcher migrate --roles` as one that may, "
            f"or have somebody run {made} and run it again."
        )


def _columns(connection: Connection) -> dict[str, list[str]]:
    return {row.table: row.columns for row in connection.execute(_COLUMNS)}


def _statements(connection: Connection) -> Iterator[str]:
    everybody = ", ".join(ROLES)
    schema = connection.scalar(_SCHEMA)
    yield f"GRANT USAGE ON SCHEMA {schema} TO {everybody}"
    for table, columns in _columns(connection).items():
        if table not in RIGHTS:
            continue
        yield f"REVOKE ALL ON {schema}.{table} FROM {everybody}"
        for role, rights in RIGHTS[table].items():
            for right in rights:
                named = ", ".join(right.columns(columns))
                of = f"{right.privilege} ({named})" if named else right.privilege
                yield f"GRANT {of} ON {schema}.{table} TO {role}"
    for title, signature in connection.execute(_SIGNATURES):
        if title in CALLERS:
            yield f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC, {everybody}"
            for role in CALLERS[title]:
                yield f"GRANT EXECUTE ON FUNCTION {signature} TO {role}"
