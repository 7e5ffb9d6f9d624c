"""Databases, schemas and roles as people have them: they serve, or the remedy is told."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.engine import make_url

from dispatcher.books import roles
from dispatcher.books.schema import check_schema, migrate
from dispatcher.books.session import make_engine, transaction
from dispatcher.embedded import ServerUrls
from dispatcher.errors import ServiceError
from tests.databases import fresh_database
from tests.integration.builders import ACCEPTED, Books
from tests.integration.reading import assert_values_stay

Check = Callable[[Engine], object]
TO_OWN_SCHEMA = {"options": "-csearch_path=push,public"}
GRANTS = """
GRANT USAGE ON SCHEMA push TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA push TO {role}
"""


@contextmanager
def engine_of(url: str, **query: str) -> Iterator[Engine]:
    engine = make_engine(make_url(url).update_query_dict(query).render_as_string(False))
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def role_of(url: str) -> Iterator[str]:
    """The URL of a new role, which owns nothing."""
    name = f"role_{uuid.uuid4().hex}"
    run(url, f"CREATE ROLE {name} LOGIN PASSWORD 'p@ss/%'")
    try:
        yield make_url(url).set(username=name, password="p@ss/%").render_as_string(False)
    finally:
        run(url, f"DROP OWNED BY {name}; DROP ROLE {name}")


def run(url: str, statements: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(statements.replace(":", "\\:")))


@pytest.fixture
def own_schema(empty_database_url: str) -> str:
    """A database with a schema for the books, and another program's version in `public`."""
    run(
        empty_database_url,
        "CREATE SCHEMA push; CREATE TABLE public.alembic_version (version_num text);"
        " INSERT INTO public.alembic_version VALUES ('abcdef')",
    )
    return empty_database_url


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
@pytest.mark.parametrize("check", [migrate, check_schema])
def test_a_database_that_is_not_utf8_is_refused_with_the_remedy(
    servers: ServerUrls, encoding: str, check: Check
) -> None:
    options = f"template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
    with fresh_database(servers.database_url, options) as url, engine_of(url) as engine:
        with pytest.raises(ServiceError, match="ENCODING 'UTF8' TEMPLATE template0") as told:
            check(engine)
        assert f"is encoded in {encoding}" in str(told.value)


def test_the_books_live_in_the_schema_that_the_url_names(own_schema: str) -> None:
    with engine_of(own_schema, **TO_OWN_SCHEMA) as engine:
        assert migrate(engine)[0] is None
        check_schema(engine)
        assert_values_stay(engine)
        books = Books(engine)
        campaign = books.campaign()
        campaign.attempt(ACCEPTED)
        assert campaign.rolled_up().members.delivered == 10
        places = books.rows(
            "SELECT DISTINCT relnamespace::regnamespace::text FROM pg_class"
            " WHERE relname IN ('campaign', 'chunk') UNION"
            " SELECT pronamespace::regnamespace::text FROM pg_proc WHERE proname ~ 'exchange'"
        )
        assert [tuple(place) for place in places] == [("push",)]
        assert books.value("SELECT version_num FROM public.alembic_version") == "abcdef"


def test_a_role_that_owns_nothing_works_with_the_grants_that_are_told(own_schema: str) -> None:
    with (
        engine_of(own_schema, **TO_OWN_SCHEMA) as owner,
        role_of(own_schema) as url,
        engine_of(url, **TO_OWN_SCHEMA) as engine,
    ):
        migrate(owner)
        run(own_schema, f"GRANT USAGE ON SCHEMA push TO {make_url(url).username}")
        with transaction(engine) as connection:
            assert "UPDATE on chunk" in roles.lacking(connection, roles.WORKER)
        with pytest.raises(ServiceError, match="permission denied for table"):
            check_schema(engine)
        run(own_schema, GRANTS.format(role=make_url(url).username))
        with transaction(engine) as connection:
            assert roles.lacking(connection, roles.WORKER) == []
        check_schema(engine)
        assert migrate(engine)[0] is not None
        assert_values_stay(engine)


def test_a_role_that_may_create_nothing_is_told_so_by_migrate(empty_database_url: str) -> None:
    run(empty_database_url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    with role_of(empty_database_url) as url, engine_of(url) as engine:
        role = make_url(url).username
        with pytest.raises(ServiceError, match=f"GRANT CREATE ON SCHEMA public TO {role}"):
            migrate(engine)


@pytest.mark.parametrize("path", ["nowhere", ""])
@pytest.mark.parametrize("check", [migrate, check_schema])
def test_a_search_path_without_a_schema_is_told(database_url: str, path: str, check: Check) -> None:
    with (
        engine_of(database_url, options=f"-csearch_path={path}") as engine,
        pytest.raises(ServiceError, match="names no schema") as told,
    ):
        check(engine)
    assert "?options=-csearch_path=NAME" in str(told.value)


@pytest.mark.parametrize("check", [migrate, check_schema])
def test_a_database_that_is_not_there_is_told(database_url: str, check: Check) -> None:
    absent = make_url(database_url).set(database="nobody_made_it").render_as_string(False)
    with (
        engine_of(absent) as engine,
        pytest.raises(ServiceError, match='database "nobody_made_it" does not exist'),
    ):
        check(engine)
