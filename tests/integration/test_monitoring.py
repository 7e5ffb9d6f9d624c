"""The books' metrics: what they say of campaigns, and that every scrape is answered."""

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from dispatcher.books import fleet, transitions
from dispatcher.embedded import ServerUrls
from dispatcher.metrics.exporter import BooksExporter
from dispatcher.settings import Settings
from tests.databases import name_of
from tests.integration.builders import ACCEPTED, REFUSED, Books
from tests.proxy import proxied
from tests.waiting import eventually

SECOND = timedelta(seconds=1)


def scraped(exporter: BooksExporter) -> dict[str, float]:
    """Every series that a scrape gives, as `dispatcher_chunks pending`."""
    registry = CollectorRegistry()
    registry.register(exporter)
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }


@pytest.fixture
def settings(books: Books, tmp_path: Path) -> Settings:
    """Those of an exporter of these books."""
    return Settings(home=tmp_path, database_url=books.engine.url.render_as_string(False))


def test_books_with_nothing_in_them_have_their_series_already(settings: Settings) -> None:
    values = scraped(BooksExporter(settings))
    assert values.pop("dispatcher_up") == 1
    assert {"dispatcher_campaigns running", "dispatcher_chunks unresolved"} <= values.keys()
    assert {"dispatcher_oldest_due_seconds", "dispatcher_held_campaigns window"} <= values.keys()
    assert set(values.values()) == {0}


def test_campaigns_chunks_workers_and_what_holds_whom(books: Books, settings: Settings) -> None:
    books.do(fleet.seen, "w/1", 4)
    books.do(fleet.seen, "w/2", 8)
    books.do(fleet.tell_silence, "w/2", "its consumer was cancelled")
    running, paused, broken = books.campaign(5), books.campaign(2), books.campaign(account="other")
    running.attempts_each(ACCEPTED, (1, 2))
    running.in_doubt(3)
    broken.attempt(REFUSED)
    paused.do(transitions.pause)
    books.account_is(hold_until=books.now() + 60 * SECOND, hold_reason="the Push API asked to wait")
    for campaign in (running, paused, broken):
        campaign.rolled_up()

    values = scraped(BooksExporter(settings))

    expected = {
        "dispatcher_campaigns running": 1,
        "dispatcher_campaigns paused": 2,
        "dispatcher_campaigns completed": 0,
        "dispatcher_chunks pending": 6,
        "dispatcher_chunks delivered": 2,
        "dispatcher_due_chunks": 0,
        "dispatcher_in_doubt_chunks": 1,
        "dispatcher_unresolved_members": 0,
        "dispatcher_held_campaigns paused": 2,
        "dispatcher_held_campaigns account": 1,
        "dispatcher_self_paused_campaigns": 1,
        "dispatcher_account_hold_seconds other": 0,
        "dispatcher_workers": 2,
        "dispatcher_slots": 12,
        "dispatcher_deaf_workers": 1,
        "dispatcher_leader": 1,
    }
    assert {name: values[name] for name in expected} == expected
    assert 50 < values["dispatcher_account_hold_seconds default"] <= 60
    # Nine tenths of ten minutes, less a request of thirty seconds.
    assert 500 < values["dispatcher_doubt_window_seconds"] <= 510


def test_what_is_due_and_gets_nowhere_is_told_by_its_age(books: Books, settings: Settings) -> None:
    books.do(fleet.seen, "w/1", 4)
    campaign = books.campaign(4)
    campaign.attempt(ACCEPTED, 1)
    campaign.publish(1)
    books.time_passes(600 * SECOND)
    campaign.set_chunks(4, due_at=books.now() + 60 * SECOND)
    values = scraped(BooksExporter(settings))
    assert values["dispatcher_due_chunks"] == 2
    assert 600 <= values["dispatcher_oldest_due_seconds"] < 660
    assert 600 <= values["dispatcher_stalled_seconds"] < 660
    assert values["dispatcher_workers"] == values["dispatcher_leader"] == 0

    campaign.attempt(ACCEPTED, 2)
    values = scraped(BooksExporter(settings))
    assert values["dispatcher_due_chunks"] == 1
    assert values["dispatcher_oldest_due_seconds"] >= 600
    assert values["dispatcher_stalled_seconds"] < 60

    books.account_is(hold_until=books.now() - 2 * SECOND)
    assert scraped(BooksExporter(settings))["dispatcher_oldest_due_seconds"] < 60


def test_outside_of_its_window_only_what_is_in_doubt_is_due(
    books: Books, settings: Settings
) -> None:
    campaign = books.campaign(3).in_doubt(1)
    now = books.now()
    campaign.set(
        windows=["mon-sun 09:00-10:00 UTC"], opens_at=now + SECOND * 60, closes_at=now + SECOND * 90
    )
    assert scraped(BooksExporter(settings))["dispatcher_due_chunks"] == 1


def test_what_is_unresolved_is_counted_for_an_hour_behind_the_campaigns_end(
    books: Books, settings: Settings
) -> None:
    campaign = books.campaign(2).in_doubt(1)
    campaign.do(transitions.cancel)
    assert campaign.rolled_up().members.unresolved == 10
    assert scraped(BooksExporter(settings))["dispatcher_unresolved_members"] == 10
    books.time_passes(timedelta(hours=2))
    assert scraped(BooksExporter(settings))["dispatcher_unresolved_members"] == 0


def test_while_the_database_is_away_a_scrape_says_so_and_nothing_else(
    servers: ServerUrls, books: Books, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with proxied(servers.database_url) as proxy:
        database = f"/{name_of(books.engine.url.render_as_string(False))}"
        way = proxy.url.rpartition("/")[0] + database
        exporter = BooksExporter(Settings(home=tmp_path, database_url=way))
        assert scraped(exporter)["dispatcher_up"] == 1
        proxy.close_door()
        values = eventually(lambda: _without_books(exporter), within=20)
        proxy.open_door()
        assert eventually(lambda: scraped(exporter)["dispatcher_up"], within=20) == 1
    assert values == {"dispatcher_up": 0}
    assert [record.getMessage().partition(".")[0] for record in caplog.records][-1:] == [
        "The books can be read again"
    ]


def _without_books(exporter: BooksExporter) -> dict[str, float] | None:
    values = scraped(exporter)
    return None if values["dispatcher_up"] else values


def test_a_scrape_within_the_same_second_asks_nobody_again(
    books: Books, settings: Settings
) -> None:
    exporter = BooksExporter(settings)
    first = exporter.collect()
    assert exporter.collect() is first
