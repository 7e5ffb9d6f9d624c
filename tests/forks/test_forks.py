"""Programs that fork: nobody hangs, every campaign is told once, and is whole."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from dispatcher import DispatcherError
from dispatcher.books import making
from dispatcher.books.session import make_engine, transaction
from tests.forks.family import MANNERS
from tests.integration.builders import add_chunks, new_campaign

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The books, seen from outside."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("manner", list(MANNERS))
def test_every_campaign_of_a_family_is_whole_and_told(
    manner: str, environment: dict[str, str], engine: Engine
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.forks.family", manner],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = sorted(done.stdout.split())
    assert len(told) >= 3
    assert told == there(engine)


def there(engine: Engine) -> list[str]:
    """The campaigns that the books hold, each with all its chunks."""
    with transaction(engine) as connection:
        rows = connection.execute(
            text("""
                SELECT id::text, chunks_total, (SELECT count(*) FROM chunk
                                                WHERE campaign_id = campaign.id) AS chunks
                FROM campaign
            """)
        ).all()
    assert all(row.chunks == row.chunks_total for row in rows)
    return sorted(row.id for row in rows)


@pytest.mark.parametrize("came", [0, 1, 3])
def test_a_campaign_whose_chunks_are_not_what_it_says_cannot_be_committed(
    engine: Engine, came: int
) -> None:
    new = new_campaign(chunks=2)

    def make() -> None:
        with transaction(engine) as connection:
            making.create(connection, new)
            add_chunks(connection, new.id, came)

    words = f"came with {came} of its 2 chunks and {came * 10} of its 20 members. Nothing was"
    with pytest.raises(DispatcherError, match=words):
        make()
    assert there(engine) == []
