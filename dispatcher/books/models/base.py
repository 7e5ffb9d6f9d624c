"""What all tables have in common: names, types, and how their invariants are written."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from sqlalchemy import BigInteger, DateTime, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}

Counter = Annotated[int, mapped_column(BigInteger, server_default="0")]


class Base(DeclarativeBase):
    """Every table of the books; times are aware, texts unbounded."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own form
        datetime: DateTime(timezone=True),
        str: Text,
    }


def one_of(column: str, states: Iterable[str]) -> str:
    """The condition that the column holds one of these."""
    return f"{column} IN ({', '.join(repr(str(state)) for state in states)})"


def sum_of(prefix: str, states: Iterable[str]) -> str:
    """The sum of a column for each of these, named by the prefix."""
    return " + ".join(f"{prefix}_{state}" for state in states)
