"""What a verb says is so: it returns what is committed, and raises where nothing was."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from dispatcher import Campaign, CommitUnknown, DatabaseUnavailable, Dispatcher, read_settings
from dispatcher.books import commits
from dispatcher.books.schema import migrate
from dispatcher.books.session import make_engine, transaction
from tests.proxy import Moment, Proxy, Snare, proxied
from tests.waiting import eventually

COMMIT = b"COMMIT\x00"
"""The statement alone, as it is sent."""
MESSAGE = {"ios": {"payload": {"text": "Hello"}}}
LATER = "2099-01-01T00:00Z"


@dataclass(frozen=True)
class Producer:
    """A producer whose way to PostgreSQL may be cut, and one that sees what is there."""

    far: Dispatcher
    near: Dispatcher
    way: Proxy

    def enqueue(self, **options: Any) -> str:
        """A campaign of one chunk, over the way that may be cut."""
        return self.far.enqueue(app_id="app", message=MESSAGE, audience=[{"token": "a"}], **options)

    def there(self) -> list[str]:
        """The campaigns that were committed."""
        return [campaign.id for campaign in self.near.list()]


@pytest.fixture
def producer(database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Producer]:
    """Over a proxy."""
    with proxied(database_url) as way:
        variables = {"DISPATCHER_BROKER_URL": broker_url, "DISPATCHER_HOME": str(tmp_path)}
        settings = read_settings({**variables, "DISPATCHER_DATABASE_URL": database_url})
        near, far = make_engine(database_url), make_engine(way.url)
        yield Producer(Dispatcher(settings, far), Dispatcher(settings, near), way)
        near.dispose()
        far.dispose()


@contextmanager
def striking(snare: Snare, strike: Callable[[], None]) -> Iterator[None]:
    """Strike in the moment that the snare waits for."""

    def wait() -> None:
        eventually(lambda: snare.caught, within=20)
        strike()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_campaign_whose_commit_lost_its_reply_is_told_as_committed(producer: Producer) -> None:
    snare = producer.way.snare(b"INSERT INTO campaign", Moment.COMMIT)
    with striking(snare, snare.cut):
        campaign = producer.enqueue()
    assert producer.there() == [campaign]


def test_a_campaign_whose_commit_never_arrived_is_told_to_have_left_nothing(
    producer: Producer,
) -> None:
    snares: list[Snare] = []
    begin = threading.Event()

    def packing(progress: Any) -> None:
        if progress.phase == "packing" and not snares:
            snares.append(producer.way.snare(COMMIT, Moment.REQUEST))
            begin.set()

    def cut() -> None:
        begin.wait(20)
        eventually(lambda: snares[0].caught, within=20)
        snares[0].cut()

    thread = threading.Thread(target=cut)
    thread.start()
    with pytest.raises(DatabaseUnavailable, match=r"Nothing was committed\.$"):
        producer.enqueue(progress=packing)
    thread.join()
    assert producer.there() == []


def test_a_commit_of_which_nobody_can_tell_names_the_campaign_and_how_to_see(
    producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "PATIENCE", 0.5)
    snare = producer.way.snare(b"INSERT INTO campaign", Moment.COMMIT)
    with (
        striking(snare, producer.way.close_door),
        pytest.raises(CommitUnknown, match="was lost while it committed") as told,
    ):
        producer.enqueue()
    (campaign,) = producer.there()
    assert f"see `dispatcher show {campaign}` before you send it again" in str(told.value)
    assert not isinstance(told.value, DatabaseUnavailable)


def test_a_commit_is_waited_for_while_the_server_is_still_at_it(producer: Producer) -> None:
    """A second one that asks sees no campaign yet; its fate is open."""
    done = threading.Event()
    with transaction(producer.near._connections.engine) as connection:
        number = connection.scalar(text("SELECT CAST(pg_current_xact_id() AS text)"))
        assert isinstance(number, str)
        assert commits._status(producer.near._connections.engine, number) == "in progress"
        done.set()
    assert commits._status(producer.near._connections.engine, number) == "committed"
    assert commits._status(producer.near._connections.engine, str(int(number) + 1_000_000)) is None


def went(producer: Producer) -> str:
    producer.way.close_door()
    return "cannot be used"


def only_reads(producer: Producer) -> str:
    url = make_url(producer.near._connections.settings.require_database_url())
    for statement in (
        f"ALTER DATABASE {url.database} SET default_transaction_read_only = on",
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    ):
        with transaction(producer.near._connections.engine) as connection:
            connection.execute(text(statement))
    return "only reads"


@pytest.mark.parametrize("strike", [went, only_reads])
def test_what_strikes_right_after_the_commit_is_a_warning(
    producer: Producer, strike: Callable[[Producer], str], caplog: pytest.LogCaptureFixture
) -> None:
    said: list[str] = []
    campaign = producer.enqueue(committed=lambda _: said.append(strike(producer)))
    assert producer.there() == [campaign]
    (warning,) = caplog.messages
    assert warning.startswith(f"Campaign {campaign} is committed; workers will find it. ")
    assert said[0] in warning


VERBS: dict[str, Callable[[Dispatcher, str], Campaign]] = {
    "pause": lambda dispatcher, campaign: dispatcher.pause(campaign),
    "resume": lambda dispatcher, campaign: dispatcher.resume(campaign),
    "cancel": lambda dispatcher, campaign: dispatcher.cancel(campaign),
    "rate": lambda dispatcher, campaign: dispatcher.rate(campaign, 7),
}


@pytest.mark.parametrize("moment", [Moment.REQUEST, Moment.COMMIT])
@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_returns_what_is_so_and_raises_where_nothing_changed(
    producer: Producer, verb: str, moment: Moment
) -> None:
    campaign = producer.enqueue()
    if verb == "resume":
        producer.near.pause(campaign)
    before = producer.near.show(campaign)
    producer.far._connections.engine.dispose()
    eventually(lambda: producer.way.connections == 0)  # a line ends with what passed before
    pattern = COMMIT if moment is Moment.REQUEST else b"FOR NO KEY UPDATE"
    snare = producer.way.snare(pattern, moment)

    with striking(snare, snare.cut):
        if moment is Moment.REQUEST:
            with pytest.raises(DatabaseUnavailable, match=r"Nothing was committed\.$"):
                VERBS[verb](producer.far, campaign)
            assert producer.near.show(campaign) == before
        else:
            told = VERBS[verb](producer.far, campaign)
            now = producer.near.show(campaign)
            assert (now.state, now.rate) == (told.state, told.rate) != (before.state, before.rate)


def test_an_account_whose_resuming_lost_its_reply_is_told_as_it_is(producer: Producer) -> None:
    producer.enqueue()
    snare = producer.way.snare(b"UPDATE account", Moment.COMMIT)
    with striking(snare, snare.cut):
        resumed = producer.far.resume_account("default")
    assert (resumed,) == producer.near.accounts()


def test_a_migration_whose_commit_lost_its_reply_is_done(empty_database_url: str) -> None:
    with proxied(empty_database_url) as way:
        engine = make_engine(way.url)
        snare = way.snare(b"CREATE TABLE campaign", Moment.COMMIT)
        with striking(snare, snare.cut):
            before, after = migrate(engine)
        assert (before, migrate(engine)[0]) == (None, after)
        engine.dispose()
