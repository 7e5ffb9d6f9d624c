"""What every transaction of ours begins with: limits that hold nobody up, and one way to read.

All of it ends with the transaction. A pooler may have given the session to somebody else before,
and gives it to another one afterwards: what that one has set, or a role's and a database's own
settings, must not change what a value means, and ours must not reach anybody else.
"""

from functools import cache
from typing import Literal

from sqlalchemy import Connection, text

LIMITS = {
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    # Chunk rows are found by their keys, or a few by a partial index: compiling never pays.
    "jit": "off",
}
# `standard_conforming_strings` is not among them: the driver reads it once, when it connects, and
# writes its texts for it. A server that only reads by default is taken at its word.
FORMS = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    # A policy that would hide rows is an error then: numbers without them would not be true.
    "row_security": "off",
}
"""How values are read and written."""

Isolation = Literal["READ COMMITTED", "REPEATABLE READ, READ ONLY"]

_FIXED = "".join(f"SET LOCAL {name} = '{value}'; " for name, value in (LIMITS | FORMS).items())
_SEARCH_PATH = "search_path"
_TAKES_EFFECT_AS = {"default_transaction_read_only": "transaction_read_only"}
"""What is a default for later transactions, by the name of what it means in this one."""


@cache
def opening(isolation: Isolation, asked: tuple[tuple[str, str], ...] | None) -> str:
    """The statements that a transaction begins with; another one may follow in the same message.

    `asked` are settings of the operator's own. They stand back behind ours, and the tables are
    looked for where the role and the database say, unless they tell. None: an application's session
    is as that has made it.
    """
    given = dict(asked or {})
    path = (
        "" if asked is None or _SEARCH_PATH in given else f"SET LOCAL {_SEARCH_PATH} TO DEFAULT; "
    )
    return f"SET TRANSACTION ISOLATION LEVEL {isolation}; {path}{_set(given)}{_FIXED}"


def not_acting(connection: Connection) -> list[str]:
    """What of ours does not hold in this transaction, as in `lock_timeout = 0`."""
    rows = connection.execute(_SETTINGS, {"names": list(LIMITS | FORMS)})
    return [
        f"{name} = {setting}"
        for name, setting in rows
        # A DateStyle has an order of day and month behind it.
        if setting.split(",")[0] != (LIMITS | FORMS)[name]
    ]


_SETTINGS = text("SELECT name, current_setting(name) FROM unnest(CAST(:names AS text[])) AS name")


def _set(given: dict[str, str]) -> str:
    """As `-c name=value` would have: SET would take a list of schemas for the name of one."""
    if not given:
        return ""
    calls = (
        f"pg_catalog.set_config('{_TAKES_EFFECT_AS.get(name, name)}', {_quoted(value)}, true)"
        for name, value in given.items()
    )
    return f"SELECT {', '.join(calls)}; "


def _quoted(value: str) -> str:
    """A literal whatever `standard_conforming_strings` is."""
    return "E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
