"""Databases that live for one test."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

EMPTY = "template1"


@contextmanager
def fresh_database(server_url: str, template: str = EMPTY) -> Iterator[str]:
    """The URL of a new database, a copy of `template`, which is dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    _run(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _run(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def name_of(database_url: str) -> str:
    """The database's name in its URL."""
    name = make_url(database_url).database
    assert name is not None
    return name


def _run(server_url: str, statement: str) -> None:
    engine = create_engine(server_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
