"""How many stories are told and how long they are, and one database for all of them.

`make test` tells the same ones each time. `HYPOTHESIS_PROFILE=long pytest tests/model` tells new
and longer ones for some minutes; a failure prints the shortest story that it could find.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine

from dispatcher.books.session import make_engine
from dispatcher.embedded import ServerUrls
from tests.databases import fresh_database

_ANY = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)
settings.register_profile("model", _ANY, max_examples=80, stateful_step_count=45, derandomize=True)
settings.register_profile(
    "long", _ANY, max_examples=2000, stateful_step_count=80, derandomize=False
)


@pytest.fixture(scope="session")
def stories() -> settings:
    """The profile that HYPOTHESIS_PROFILE names; it holds for this folder alone."""
    return settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "model"))


@pytest.fixture(scope="session")
def books_engine(servers: ServerUrls, template_database: str) -> Iterator[Engine]:
    """Connections for a story, to a database of the newest schema."""
    with fresh_database(servers.database_url, template_database) as url:
        engine = make_engine(url)
        yield engine
        engine.dispose()
