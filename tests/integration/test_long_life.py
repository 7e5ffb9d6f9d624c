"""After thousands of campaigns, a round of the relay costs what runs, not what has ever run."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import TextClause, text

from dispatcher import Dispatcher, Settings
from dispatcher.books import keeping, running, transitions, upkeep
from dispatcher.books.session import make_engine
from dispatcher.books.transitions import purging, rounds
from dispatcher.embedded import ServerUrls
from tests.databases import fresh_database
from tests.integration.builders import TERMS, Books
from tests.integration.test_plans import nodes_of, rows_read

ENDED = 5_000
STILL_KEPT = 200
RUNNING = 3
MOST_ROWS = 50
MONTH = timedelta(days=30)

HISTORY = (
    "INSERT INTO account (name) VALUES ('default') ON CONFLICT DO NOTHING",
    """
    INSERT INTO campaign (id, content_digest, app_id, account, platforms, message, state,
                          created_at, started_at, finished_at, input_read, members_total,
                          members_rejected, chunks_total, chunks_rejected, purged_to)
    SELECT gen_random_uuid(), 'digest', 'app', 'default', '{ios}', repeat('message ', 50),
           'completed', ended, ended, ended, 10, 10, 10, 1, 1, CASE WHEN n > :kept THEN 1 ELSE 0 END
    FROM generate_series(1, :ended) AS n, LATERAL (SELECT now() - n * interval '1 h') AS t(ended)
    """,
    """
    INSERT INTO chunk (campaign_id, sequence, size, members, state, attempt, claimed_at, claimed_by,
                       settled_at, http_status, code, error)
    SELECT id, 1, 10, CASE WHEN purged_to = 0 THEN '[]' END, 'rejected', 1, started_at, 'worker-1',
           finished_at, 400, 33, 'The requested users have not been found'
    FROM campaign
    """,
    """
    INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at, ended_at,
                         outcome, chunk_state)
    SELECT campaign_id, 1, 1, 1, claimed_by, claimed_at, settled_at, 'nobody_reached', state
    FROM chunk
    """,
    "ANALYZE campaign, chunk, attempt",
)


@pytest.fixture(scope="module")
def old_books(servers: ServerUrls, template_database: str) -> Iterator[Books]:
    """Books of many campaigns, nearly all of which have ended, most of them long ago."""
    with fresh_database(servers.database_url, template_database) as url:
        engine = make_engine(url)
        books = Books(engine)
        with engine.begin() as connection:
            for statement in HISTORY:
                connection.execute(text(statement), {"ended": ENDED, "kept": STILL_KEPT})
        for _ in range(RUNNING):
            books.campaign(chunks=5).claimed(1)
        yield books
        engine.dispose()


def plan_of(books: Books, statement: TextClause, values: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes of a statement's plan with what each really read; nothing of it stays."""
    with books.engine.connect() as connection:
        explained = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}")
        (found,) = connection.execute(explained, values).scalar_one()
        return list(nodes_of(found["Plan"]))


STATEMENTS: dict[str, tuple[TextClause, dict[str, Any]]] = {
    "needs": (text(upkeep.NEEDED.query), upkeep._values(TERMS, (), 1)),
    "plan": (text(running.CAMPAIGNS.query), {"slow_start": MONTH, "unusual": MONTH}),
    "take back": (rounds._TAKE_BACK, {"batch": 1000, "most": 5, **rounds._of(None)}),
    "unmark": (rounds._UNMARK_UNCLAIMED, {"after": timedelta(seconds=30), **rounds._of(None)}),
    "purge": (keeping._DUE, {"keep": MONTH, "most": 1}),
    "purge, with something to do": (keeping._DUE, {"keep": timedelta(hours=1), "most": 1}),
}


SMALL = ("account", "worker", "fence")
"""Tables that stay so, however long the books live."""


@pytest.mark.parametrize(
    ("statement", "values"),
    STATEMENTS.values(),
    ids=[name.replace(" ", "-") for name in STATEMENTS],
)
def test_a_round_reads_what_is_alive_and_not_what_has_ended(
    old_books: Books, statement: TextClause, values: dict[str, Any]
) -> None:
    nodes = plan_of(old_books, statement, values)
    whole = [
        node["Relation Name"]
        for node in nodes
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] not in SMALL
    ]
    assert whole == []
    assert max(map(rows_read, nodes)) <= MOST_ROWS


def test_a_step_of_a_purge_reads_its_chunks_alone(old_books: Books) -> None:
    (oldest,) = old_books.do(keeping.due, timedelta(hours=1), most=1)
    step = {"campaign_id": oldest, "after": 0, "until": 1}
    for statement in (purging._DROP_MEMBERS, purging._DROP_DETAILS, purging._ADVANCE):
        assert max(map(rows_read, plan_of(old_books, statement, step))) <= 1


def test_every_campaign_is_listed_with_its_own_errors(old_books: Books) -> None:
    listed = Dispatcher(Settings(home=Path("nowhere")), old_books.engine).list(limit=None)
    assert len(listed) == ENDED + RUNNING
    assert {len(campaign.errors) for campaign in listed[RUNNING:]} == {1}


def test_what_ended_longest_ago_goes_first_and_leaves_the_index_of_what_is_kept(
    old_books: Books,
) -> None:
    due = old_books.do(keeping.due, timedelta(hours=1))
    assert len(due) == STILL_KEPT
    old_books.do(transitions.purge, due[0], timedelta(hours=1))
    assert old_books.do(keeping.due, timedelta(hours=1)) == due[1:]
