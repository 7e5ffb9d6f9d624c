"""The books, empty for each test: one database for all of them, as a new one takes longer."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from dispatcher.books.session import make_engine
from dispatcher.embedded import ServerUrls
from tests.databases import fresh_database
from tests.integration.builders import Books


@pytest.fixture(scope="session")
def books_engine(servers: ServerUrls, template_database: str) -> Iterator[Engine]:
    """Connections enough to race, to a database of the newest schema."""
    with fresh_database(servers.database_url, template_database) as url:
        engine = make_engine(url, connections=12)
        yield engine
        engine.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The test's own database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def books(books_engine: Engine) -> Books:
    """The books with nothing in them."""
    with books_engine.begin() as connection:
        tables = "campaign, account, worker, standing, standing_list, act, fence, webhook"
        connection.execute(text(f"TRUNCATE {tables} CASCADE"))
        connection.execute(text("INSERT INTO fence DEFAULT VALUES"))
    return Books(books_engine)
