"""A campaign of 100,000 chunks costs what is in flight, not what it holds: plans as they run."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import TextClause, text

from dispatcher.books import (
    chunks,
    holding,
    making,
    reasons,
    running,
    throughput,
    transitions,
    upkeep,
)
from dispatcher.books.session import make_engine
from dispatcher.books.transitions import Further, attempts, rounds, steering
from dispatcher.embedded import ServerUrls
from tests.databases import fresh_database
from tests.integration.builders import (
    ACCEPTED,
    IN_DOUBT,
    LEASE,
    TERMS,
    WINDOW,
    Books,
    OneCampaign,
    new_campaign,
)

CHUNKS = 100_000
IN_FLIGHT = 40
SECOND = timedelta(seconds=1)
MOST_ROWS = 10 * IN_FLIGHT
"""What a statement may read: far fewer rows than the campaign has chunks or attempts."""


@pytest.fixture(scope="module", params=["analyzed", "just committed"])
def large(
    servers: ServerUrls, template_database: str, request: pytest.FixtureRequest
) -> Iterator[OneCampaign]:
    """A campaign in its middle: half delivered, a few published, sending and in doubt.

    Of one that was just committed the planner's statistics know nothing.
    """
    with fresh_database(servers.database_url, template_database) as url:
        engine = make_engine(url)
        books = Books(engine)
        if request.param == "just committed":
            half_sent(books)
        books.run("ANALYZE chunk, attempt, campaign")
        campaign = half_sent(books)
        if request.param == "analyzed":
            books.run("ANALYZE chunk, attempt, campaign")
        campaign.attempts_each(IN_DOUBT, range(CHUNKS // 2 + 1, CHUNKS // 2 + 11))
        books.account_is(doubts=0, doubtful_since=None, fresh_from=None)
        for sequence in range(CHUNKS // 2 + 11, CHUNKS // 2 + 21):
            campaign.claimed(sequence)
        campaign.publish(10)
        yield campaign
        engine.dispose()


def half_sent(books: Books) -> OneCampaign:
    """Half of the chunks delivered over the last hours, with their attempts; half pending.

    Those have windows on their members' own clocks, which are open.
    """
    new = new_campaign(CHUNKS)
    campaign = OneCampaign(books, new.id)
    with campaign.books.engine.begin() as connection:
        making.create(connection, new)
        for statement in (
            """
            INSERT INTO chunk (campaign_id, sequence, size, members, state, attempt, claimed_at,
                               claimed_by, settled_at, audience, successful, erroneous)
            SELECT :id, sequence, 10, '[]', 'delivered', 1, now(), 'worker-1', now(), 10, 10, 0
            FROM generate_series(1, :half) AS sequence
            """,
            """
            INSERT INTO attempt (campaign_id, sequence, attempt, round, worker, started_at,
                                 ended_at, outcome, chunk_state)
            SELECT campaign_id, sequence, 1, 1, claimed_by, claimed_at,
                   now() - interval '1 minute' - (:half - sequence) * interval '0.1 s',
                   'accepted', state
            FROM chunk WHERE campaign_id = :id
            """,
            """
            INSERT INTO chunk (campaign_id, sequence, size, members, zone, closes_at)
            SELECT :id, sequence, 10, '[]', 'UTC', now() + interval '5 hours'
            FROM generate_series(:half + 1, :chunks) AS sequence
            """,
        ):
            connection.execute(
                text(statement), {"id": campaign.id, "half": CHUNKS // 2, "chunks": CHUNKS}
            )
    return campaign


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes_of(part)


def run(campaign: OneCampaign, statement: TextClause, values: dict[str, Any]) -> dict[str, Any]:
    """The plan of a statement with what each node really read; nothing of it stays."""
    with campaign.books.engine.connect() as connection:
        explained = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}")
        (found,) = connection.execute(explained, {"campaign_id": campaign.id} | values).scalar_one()
        plan: dict[str, Any] = found["Plan"]
        return plan


def rows_read(node: dict[str, Any]) -> float:
    """How many rows a node took up, those that it threw away among them."""
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    rows: float = node["Actual Loops"] * (node["Actual Rows"] + removed)
    return rows


STATEMENTS: dict[str, tuple[TextClause, dict[str, Any]]] = {
    "give back": (
        attempts._GIVE_BACK,
        {"sequences": list(range(60_000, 60_016))},
    ),
    "publish those in doubt": (rounds._PUBLISH_DOUBTFUL, {"count": IN_FLIGHT}),
    "publish clean ones": (rounds._PUBLISH_FRESH, {"count": IN_FLIGHT}),
    "anything due": (text(running.ANYTHING_DUE.query), {}),
    "running": (text(running.CAMPAIGNS.query), {"slow_start": SECOND, "unusual": SECOND}),
    "unmark": (rounds._UNMARK_UNCLAIMED, {"after": timedelta(seconds=30), **rounds._of(None)}),
    "take back": (rounds._TAKE_BACK, {"batch": 1000, "most": 5, **rounds._of(None)}),
    "settle": (rounds._SETTLE_CLOSED, {"window": WINDOW, "step": 5_000}),
    "needs": (text(upkeep.NEEDED.query), upkeep._values(TERMS, (), 1)),
    "resume": (steering._UNMARK, {}),
    "rejections": (steering._RECENT_REJECTIONS, {"last": 50, "nobody_found": 33}),
}
each_statement = pytest.mark.parametrize(
    ("statement", "values"), STATEMENTS.values(), ids=STATEMENTS.keys()
)


@each_statement
def test_it_reads_what_is_in_flight_and_not_the_campaign(
    large: OneCampaign, statement: TextClause, values: dict[str, Any]
) -> None:
    reads_what_is_in_flight(large, statement, values)


def test_an_exchange_finds_its_chunks_by_their_keys_though_it_was_planned_when_there_were_few(
    servers: ServerUrls, template_database: str
) -> None:
    terms: dict[str, Any] = {"worker": "worker-1", "lease": LEASE, "window": WINDOW}
    with fresh_database(servers.database_url, template_database) as url:
        books = Books(make_engine(url))
        small = books.campaign(20)
        books.run("ANALYZE chunk, attempt, campaign")
        with books.engine.connect() as connection:
            for sequence in range(1, 10):
                transitions.exchange(connection, {}, [(small.id, sequence)], **terms)
            connection.commit()
            large = half_sent(books)
            claims = [large.claimed(sequence) for sequence in range(CHUNKS - 40, CHUNKS - 24)]
            reports = {n: large.report(claim, ACCEPTED) for n, claim in enumerate(claims)}
            keys = [(large.id, sequence) for sequence in range(CHUNKS - 20, CHUNKS - 4)]
            exchanged = transitions.exchange(
                connection, reports, keys, [Further(large.id, 16)], **terms
            )
            read = connection.execute(text(READ_HERE)).one()
        books.engine.dispose()
    assert (len(exchanged.recorded), len(exchanged.claims)) == (16, 32)
    assert read.by_scans == 0
    assert read.by_keys <= MOST_ROWS


def test_a_round_reads_little_though_it_was_planned_when_there_were_few_chunks(
    servers: ServerUrls, template_database: str
) -> None:
    with fresh_database(servers.database_url, template_database) as url:
        books = Books(make_engine(url))
        small = books.campaign(20)
        books.run("ANALYZE chunk, attempt, campaign")
        with books.engine.connect() as connection:
            for campaign in (small, half_sent(books)):
                before = connection.execute(text(READ_HERE)).one()
                assert running.anything_due(connection)
                found = running.campaigns(connection, SECOND)
                due = running.count_due(connection, found, [IN_FLIGHT] * len(found))
                read = connection.execute(text(READ_HERE)).one()
                assert campaign.id in {each.id for each in found}
        books.engine.dispose()
    assert [each.clean for each in due] == [20, IN_FLIGHT]
    assert read.by_scans == 0
    assert read.by_keys - before.by_keys <= MOST_ROWS


READ_HERE = """
SELECT sum(seq_tup_read) AS by_scans, sum(idx_tup_fetch) AS by_keys
FROM pg_stat_xact_user_tables WHERE relname IN ('chunk', 'attempt')
"""
"""How many rows this transaction has read, in each of the two ways."""


@pytest.mark.parametrize("only_canary", [False, True])
def test_what_is_due_is_counted_no_further_than_there_is_room(
    large: OneCampaign, only_canary: bool
) -> None:
    asked = {"ids": [large.id], "counted_to": [IN_FLIGHT], "only_canary": [only_canary]}
    reads_what_is_in_flight(large, text(running.DUE.query), asked)


def test_what_waits_for_a_canary_is_not_read(large: OneCampaign) -> None:
    large.set(awaits_verdict=True)
    anything_due = text(running.ANYTHING_DUE.query)
    for statement in (anything_due, rounds._PUBLISH_CANARY, rounds._PUBLISH_FRESH):
        reads_what_is_in_flight(large, statement, {"count": IN_FLIGHT})
    large.set(awaits_verdict=False)


def reads_what_is_in_flight(
    large: OneCampaign, statement: TextClause, values: dict[str, Any]
) -> None:
    """No node of the plan reads a table whole, or more rows than a few times those in flight."""
    check_what_was_read(run(large, statement, values))


def check_what_was_read(plan: dict[str, Any]) -> None:
    """Neither chunks nor attempts were read whole, nor many more of them than are in flight."""
    nodes = list(nodes_of(plan))
    scanned = {
        (node["Node Type"], node["Relation Name"])
        for node in nodes
        if node.get("Relation Name") in ("chunk", "attempt") and node["Node Type"] == "Seq Scan"
    }
    assert not scanned
    assert max(map(rows_read, nodes)) <= MOST_ROWS


@pytest.mark.parametrize("sweep", ["unmark", "take back", "needs"])
def test_a_sweep_finds_what_is_in_flight_of_all_campaigns_by_its_partial_index(
    large: OneCampaign, sweep: str
) -> None:
    indexes = {
        node["Index Name"]
        for node in nodes_of(run(large, *STATEMENTS[sweep]))
        if "Index Name" in node
    }
    partial = {
        "unmark": "chunk_published",
        "take back": "chunk_sending",
        "needs": "chunk_in_doubt",
    }
    assert partial[sweep] in indexes


def test_the_last_seconds_speed_is_read_by_time(large: OneCampaign) -> None:
    large.attempt(ACCEPTED, CHUNKS)
    nodes = list(nodes_of(run(large, throughput._LAST_SECONDS, {"ids": [large.id]})))
    assert max(map(rows_read, nodes)) <= MOST_ROWS


def test_what_holds_a_campaign_that_stands_still_is_found_at_the_beginnings_of_indexes(
    large: OneCampaign,
) -> None:
    with large.books.engine.connect() as connection:  # and all of this is rolled back
        for change in (
            "DELETE FROM chunk WHERE state = 'sending'",
            "UPDATE chunk SET published_at = NULL WHERE published_at IS NOT NULL",
            "UPDATE campaign SET resumed_at = now() - interval '1 hour'",
        ):
            connection.execute(text(change))
        explained = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {holding._FACTS.text}")
        ((found,),) = connection.execute(explained, {"ids": [large.id]}).scalars()
        facts = connection.execute(holding._FACTS, {"ids": [large.id]}).one()
    assert facts.is_overdue is not None
    nodes = list(nodes_of(found["Plan"]))
    assert {"attempt_timeline", "chunk_fresh"} <= {node.get("Index Name") for node in nodes}
    assert max(map(rows_read, nodes)) <= MOST_ROWS


@pytest.mark.parametrize("first", [1, CHUNKS // 2])
def test_a_page_of_chunks_is_read_by_their_numbers(large: OneCampaign, first: int) -> None:
    asked = {"state": None, "first": first, "limit": IN_FLIGHT}
    reads_what_is_in_flight(large, chunks._PAGE, asked)


@pytest.mark.parametrize(
    ("state", "index"),
    [
        ("rejected", "chunk_ended_otherwise"),
        ("cancelled", "chunk_ended_otherwise"),
        ("sending", "chunk_sending"),
    ],
)
def test_chunks_of_a_rare_state_are_found_by_it(large: OneCampaign, state: str, index: str) -> None:
    asked = {"state": state, "first": 1, "limit": IN_FLIGHT}
    plan = run(large, chunks._PAGE, asked)
    assert index in {node.get("Index Name") for node in nodes_of(plan)}
    check_what_was_read(plan)


def test_chunks_in_doubt_are_found_among_those_in_doubt(large: OneCampaign) -> None:
    plan = run(large, chunks._PAGE_IN_DOUBT, {"first": 1, "limit": IN_FLIGHT})
    assert "chunk_in_doubt" in {node.get("Index Name") for node in nodes_of(plan)}
    assert plan["Actual Rows"] == 10
    check_what_was_read(plan)


def test_the_errors_of_show_are_read_by_their_index(large: OneCampaign) -> None:
    nodes = list(nodes_of(run(large, reasons._READ, {"ids": [large.id]})))
    assert max(map(rows_read, nodes)) <= MOST_ROWS
