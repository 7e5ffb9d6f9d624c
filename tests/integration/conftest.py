"""The books, empty, for each test."""

from collections.abc import Iterator

import pytest

from dispatcher.books.session import make_engine
from tests.integration.builders import Books


@pytest.fixture
def books(database_url: str) -> Iterator[Books]:
    """The books in a database of the test's own, with connections enough to race."""
    engine = make_engine(database_url, connections=12)
    yield Books(engine)
    engine.dispose()
