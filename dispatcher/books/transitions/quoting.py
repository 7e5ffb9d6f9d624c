"""What the vendor's words may quote of people, and how they are told without.

Of a message what its code says stays, and of a pause's reason the numbers.
"""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import Connection, text

from dispatcher.books.finding import Sought, look_for
from dispatcher.books.session import allow_long_statements
from dispatcher.books.transitions.noting import note
from dispatcher.books.transitions.summing import lock
from dispatcher.lifecycle import DOCUMENTED, UNDOCUMENTED, words_of

_BY_CODE = " ".join(f"WHEN {code} THEN '{words_of(code)}'" for code in DOCUMENTED)
_SAID = f"CASE code {_BY_CODE} ELSE '{UNDOCUMENTED}' END"
WORDS = f"""
CASE WHEN code IS NULL OR starts_with({_SAID}, rtrim(error, '.')) THEN error ELSE {_SAID} END
"""
"""The `error` of a chunk or of an attempt, without quotes."""

TOLD = "CAST(CAST(body AS json) #> '{data,reason}' AS text)"
"""A pause's reason, as the body of an event quotes it."""


def numbers_of(reason: str) -> str:
    """A pause's reason, an expression, without quotes."""
    return rf"""
regexp_replace({reason}, 'refused it: .* (\(HTTP [0-9]+, code [0-9]+\)[.]"?)$', 'refused it \1')
"""


# Members stand in the vendor's details by the numbers of their places: those are no quotes.
_DETAILS = r"regexp_replace(error_details, '\[[0-9]+,', '[', 'g')"
_TEXTS = (
    ("chunk", "error", "error", WORDS),
    ("attempt", "error", "error", WORDS),
    ("attempt", "error_details", _DETAILS, "NULL"),
    ("webhook", "body", TOLD, f"replace(body, {TOLD}, {numbers_of(TOLD)})"),
    ("campaign", "reason", "reason", numbers_of("reason")),
)
"""Whose texts they are, in which column; what may quote somebody, and what takes its place."""


def quoting(connection: Connection, sought: Sought) -> tuple[UUID, ...]:
    """The campaigns of which a text quotes somebody, in whatever case."""
    allow_long_statements(connection)
    look_for(connection, sought)
    return tuple(connection.scalars(text(" UNION ".join(_each_quoting(sought)))))


def _each_quoting(sought: Sought) -> Iterator[str]:
    for table, column, quotes, without in _TEXTS:
        yield (
            f"SELECT {_id_of(table)} FROM {table} WHERE {column} IS NOT NULL"
            f" AND {sought.is_quoted_in(quotes)} AND {column} IS DISTINCT FROM {without}"
        )


def drop_quotes(connection: Connection, sought: Sought, campaign_id: UUID) -> None:
    """Let the campaign's texts that quote somebody give way to what can be said without."""
    look_for(connection, sought)
    lock(connection, campaign_id)
    changed = 0
    for table, column, quotes, without in _TEXTS:
        statement = (
            f"UPDATE {table} SET {column} = {without} WHERE {_id_of(table)} = :campaign_id"
            f" AND {sought.is_quoted_in(quotes)}"
        )
        changed += connection.execute(text(statement), {"campaign_id": campaign_id}).rowcount
    note(connection, campaign_id, "forget", after={"texts": changed})


def _id_of(table: str) -> str:
    return "id" if table == "campaign" else "campaign_id"
