"""What the stories start from: servers that they may hurt, and a stage over them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dispatcher.books.schema import migrate
from dispatcher.books.session import make_engine
from dispatcher.embedded import temporary_home
from tests.databases import fresh_database, name_of
from tests.faults.servers import Mortals, mortal_servers
from tests.faults.staging import theatre
from tests.faults.theatre import Theatre, Timing

Stage = Callable[..., Theatre]


@pytest.fixture(scope="session")
def mortals() -> Iterator[Mortals]:
    """A PostgreSQL and a Valkey for this run's stories; each leaves them alive."""
    with temporary_home() as home, mortal_servers(home) as servers:
        yield servers


@pytest.fixture(scope="session")
def mortal_template(mortals: Mortals) -> Iterator[str]:
    """The name of a database with the newest schema."""
    with new_template(mortals) as name:
        yield name


@contextmanager
def new_template(mortals: Mortals) -> Iterator[str]:
    """A database with the newest schema, by its name."""
    with fresh_database(mortals.postgresql.url) as url:
        engine = make_engine(url)
        migrate(engine)
        engine.dispose()
        yield name_of(url)


@pytest.fixture
def stage(mortals: Mortals, mortal_template: str, tmp_path: Path) -> Iterator[Stage]:
    """Sets the stage: `stage(Timing(...), "--latency", "0.1", broker_url=...)`.

    `pooled` tells a database's URL by way of a pooler.
    """
    with ExitStack() as stack:

        def set_up(
            timing: Timing | None = None,
            *sandbox: str,
            broker_url: str | None = None,
            pooled: Callable[[str], str] = str,
        ) -> Theatre:
            database_url = stack.enter_context(
                fresh_database(mortals.postgresql.url, mortal_template)
            )
            return stack.enter_context(
                theatre(
                    mortals,
                    pooled(database_url),
                    tmp_path,
                    timing or Timing(),
                    *sandbox,
                    broker_url=broker_url,
                )
            )

        yield set_up
