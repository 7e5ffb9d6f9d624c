"""A campaign in the application's own transaction: with its rows, or not at all."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.orm import Session

from dispatcher import (
    CampaignExists,
    Dispatcher,
    DispatcherError,
    OptionError,
    read_settings,
)
from dispatcher.books.running import anything_due
from dispatcher.books.schema import migrate
from dispatcher.books.session import make_engine, transaction

MESSAGE = {"ios": {"payload": {"text": "Hello"}}}


@pytest.fixture
def application(database_url: str) -> Iterator[Engine]:
    """The application's engine, and a table of its own; one connection is all it has."""
    engine = create_engine(database_url, pool_size=1, max_overflow=0, pool_timeout=1)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bought (item text PRIMARY KEY)"))
    yield engine
    engine.dispose()


@pytest.fixture
def dispatcher(database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Dispatcher]:
    """The verbs, with connections of their own."""
    settings = read_settings(
        {
            "DISPATCHER_DATABASE_URL": database_url,
            "DISPATCHER_BROKER_URL": broker_url,
            "DISPATCHER_HOME": str(tmp_path),
        }
    )
    engine = make_engine(database_url)
    yield Dispatcher(settings, engine)
    engine.dispose()


def buy(connection: Connection, item: str = "sword") -> None:
    """A row of the application's."""
    connection.execute(text("INSERT INTO bought VALUES (:item)"), {"item": item})


def bought(engine: Engine) -> int:
    """How many rows the application has committed."""
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM bought")) or 0)


def enqueue(dispatcher: Dispatcher, connection: Any, members: int = 1, **options: Any) -> str:
    """A campaign in the application's transaction."""
    audience = [{"token": f"token-{n}"} for n in range(members)]
    return dispatcher.enqueue(
        app_id="app", message=MESSAGE, audience=audience, connection=connection, **options
    )


def test_a_campaign_is_committed_with_the_applications_rows(
    application: Engine, dispatcher: Dispatcher
) -> None:
    with application.begin() as connection:
        buy(connection)
        campaign = enqueue(dispatcher, connection, 1_500)
        assert dispatcher.list() == ()
    shown = dispatcher.show(campaign)
    assert (shown.members.total, shown.chunks.total, bought(application)) == (1_500, 2, 1)


def test_a_campaign_is_gone_with_the_applications_rows(
    application: Engine, dispatcher: Dispatcher
) -> None:
    with application.connect() as connection:
        buy(connection)
        enqueue(dispatcher, connection)
        connection.rollback()
    assert dispatcher.list() == ()
    assert bought(application) == 0


def test_the_applications_own_engine_may_be_the_dispatchers(
    application: Engine, dispatcher: Dispatcher
) -> None:
    """It has one connection only: nothing here may ask for a second one."""
    same = Dispatcher(dispatcher._connections.settings, application)
    with application.begin() as connection:
        campaign = enqueue(same, connection)
    assert same.show(campaign).members.total == 1


def test_an_orm_sessions_connection_will_do(application: Engine, dispatcher: Dispatcher) -> None:
    with Session(application) as session, session.begin():
        campaign = enqueue(dispatcher, session.connection())
    assert dispatcher.show(campaign).members.total == 1


def test_the_same_key_is_the_same_campaign_and_a_conflict_breaks_nothing(
    application: Engine, dispatcher: Dispatcher
) -> None:
    with application.begin() as connection:
        first = enqueue(dispatcher, connection, key="winback")
        assert enqueue(dispatcher, connection, key="winback") == first
        with pytest.raises(CampaignExists):
            enqueue(dispatcher, connection, members=2, key="winback")
        buy(connection)
    assert [campaign.id for campaign in dispatcher.list()] == [first]
    assert bought(application) == 1


def test_what_is_refused_in_the_midst_leaves_the_transaction_as_it_was(
    application: Engine, dispatcher: Dispatcher
) -> None:
    def stop(progress: Any) -> None:
        if progress.phase == "packing":
            raise RuntimeError("enough")

    with application.begin() as connection:
        buy(connection)
        with pytest.raises(RuntimeError, match="enough"):
            enqueue(dispatcher, connection, progress=stop)
    assert dispatcher.list() == ()
    assert bought(application) == 1


def test_nothing_of_the_session_is_changed(application: Engine, dispatcher: Dispatcher) -> None:
    settings = text("SELECT name, setting FROM pg_settings ORDER BY name")
    with application.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = '7s'; SET search_path = public"))
        before = connection.execute(settings).all()
        isolation = connection.get_isolation_level()
        enqueue(dispatcher, connection)
        assert connection.execute(settings).all() == before
        assert connection.get_isolation_level() == isolation


def test_an_application_may_have_its_constraints_checked_at_once(
    application: Engine, dispatcher: Dispatcher
) -> None:
    with application.begin() as connection:
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        campaign = enqueue(dispatcher, connection, 1_500)
    assert dispatcher.show(campaign).chunks.total == 2


def test_a_relay_finds_it_after_the_commit(application: Engine, dispatcher: Dispatcher) -> None:
    with application.begin() as connection:
        enqueue(dispatcher, connection)
        with transaction(dispatcher._connections.engine) as relay:
            assert not anything_due(relay)
    with transaction(dispatcher._connections.engine) as relay:
        assert anything_due(relay)


def in_a_session(engine: Engine, stack: ExitStack) -> object:
    return stack.enter_context(Session(engine))


def without_a_transaction(engine: Engine, stack: ExitStack) -> object:
    return stack.enter_context(engine.connect())


def closed(engine: Engine, stack: ExitStack) -> object:
    connection = engine.connect()
    connection.begin()
    connection.close()
    return connection


def in_autocommit(engine: Engine, stack: ExitStack) -> object:
    connection = stack.enter_context(engine.connect())
    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.execute(text("SELECT 1"))
    return connection


def failed(engine: Engine, stack: ExitStack) -> object:
    connection = stack.enter_context(engine.connect())
    with pytest.raises(Exception, match="division by zero"):
        connection.execute(text("SELECT 1 / 0"))
    return connection


def of_another_library(engine: Engine, stack: ExitStack) -> object:
    return engine.raw_connection()


def of_another_database(engine: Engine, stack: ExitStack) -> object:
    lite = create_engine("sqlite://")
    stack.callback(lite.dispose)
    return stack.enter_context(lite.begin())


def in_another_encoding(engine: Engine, stack: ExitStack) -> object:
    other = create_engine(engine.url, client_encoding="latin1")
    stack.callback(other.dispose)
    return stack.enter_context(other.begin())


REFUSED: dict[Callable[[Engine, ExitStack], object], str] = {
    in_a_session: "connection is a Session: give a SQLAlchemy Connection",
    without_a_transaction: "connection is in no transaction",
    closed: "connection is in no transaction",
    in_autocommit: "connection commits every statement by itself",
    failed: "connection is in a transaction that has failed",
    of_another_library: "connection is a ",
    of_another_database: r"connection is one of sqlite\+pysqlite: give one of",
    in_another_encoding: "connection speaks ",
}


@pytest.mark.parametrize("given", list(REFUSED))
def test_a_connection_that_cannot_serve_is_refused(
    application: Engine, dispatcher: Dispatcher, given: Callable[[Engine, ExitStack], object]
) -> None:
    with ExitStack() as stack, pytest.raises(OptionError, match=REFUSED[given]):
        enqueue(dispatcher, given(application, stack))
    assert dispatcher.list() == ()


def test_a_connection_to_other_books_is_refused(
    dispatcher: Dispatcher, empty_database_url: str
) -> None:
    elsewhere = make_engine(empty_database_url)
    migrate(elsewhere)
    with elsewhere.begin() as connection:
        with pytest.raises(OptionError, match="another database or schema"):
            enqueue(dispatcher, connection)
        assert connection.scalar(text("SELECT count(*) FROM campaign")) == 0
    elsewhere.dispose()


def test_a_role_without_rights_is_told_and_its_transaction_goes_on(
    application: Engine, dispatcher: Dispatcher
) -> None:
    with application.begin() as connection:
        buy(connection)
        connection.execute(text("SET LOCAL ROLE pg_monitor"))
        with pytest.raises(DispatcherError, match="permission denied"):
            enqueue(dispatcher, connection)
    assert bought(application) == 1
