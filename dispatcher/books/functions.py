"""Statements that live in the database as functions: planned once a session of the server.

A pooler may give each transaction another session, so that no client can prepare a statement, nor
set how it is to be planned. A function brings its settings along, and its plan stays with the
session, whoever uses it. Its name ends in what it was made from: a program calls the very text that
it was written with, or is told that the database has another.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import Connection, TextClause, text

# Rows are found by their keys, whatever the table held when it was planned; compiling never pays.
_SETTINGS = "SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET jit = off"


@dataclass(frozen=True)
class Function:
    """A query of so many parameters (`:name` in its text), by the types of what goes in and out.

    `first` is done before it, so that the query sees what others had committed by then; what it
    finds out it leaves in variables, which are `declared` with their types.
    """

    title: str
    parameters: Mapping[str, str]
    columns: Mapping[str, str]
    query: str
    first: str = ""
    declared: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def name(self) -> str:
        """The title, and a digest of the definition."""
        return f"{self.title}_{hashlib.sha256(self._definition.encode()).hexdigest()[:12]}"

    @cached_property
    def called(self) -> TextClause:
        """The statement that calls it, with its parameters by their names."""
        given = ", ".join(f"CAST(:{name} AS {kind})" for name, kind in self.parameters.items())
        return text(f"SELECT * FROM {self.name}({given})")

    @property
    def create(self) -> str:
        """The statement that makes it."""
        return f"CREATE OR REPLACE FUNCTION {self.name}{self._definition}"

    @property
    def _definition(self) -> str:
        declared = "".join(f"DECLARE {name} {kind}; " for name, kind in self.declared.items())
        body = f"{declared}BEGIN {self.first} RETURN QUERY {self.query}; END"
        for place, parameter in enumerate(self.parameters, start=1):
            body = body.replace(f":{parameter}", f"${place}")
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        return (
            f"({', '.join(self.parameters.values())}) RETURNS TABLE ({columns})"
            f" LANGUAGE plpgsql {_SETTINGS} AS $function$\n"
            f"#variable_conflict use_column\n{body} $function$"
        )


def install(connection: Connection, functions: Iterable[Function]) -> None:
    """Make these functions, in place of those that other versions of them made."""
    for function in functions:
        found = connection.scalars(_FOUND, {"name": f"^{function.title}_[0-9a-f]{{12}}$"}).all()
        for old in found:
            if old != function.name:
                connection.exec_driver_sql(f"DROP FUNCTION {old}")
        if function.name not in found:
            connection.exec_driver_sql(function.create)


def missing(connection: Connection, functions: Iterable[Function]) -> list[str]:
    """The names of those that the database does not have."""
    names = [function.name for function in functions]
    return list(connection.scalars(_MISSING, {"names": names}))


_FOUND = text("""
SELECT proname FROM pg_proc
WHERE proname ~ :name AND pronamespace = current_schema()::regnamespace
""")
_MISSING = text("""
SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE to_regproc(name) IS NULL
""")
