"""Connections to the books: their limits, and what a person reads when something is wrong."""

import socket
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from dispatcher.books import session
from dispatcher.books.session import allow_long_statements, make_engine, transaction, try_lock
from dispatcher.errors import DatabaseUnavailable, ServiceError, SettingError

PASSWORD = "s3cr3t"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine with two connections."""
    engine = make_engine(database_url, connections=2)
    yield engine
    engine.dispose()


def test_a_server_that_is_away_is_told_by_its_place_without_a_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        engine = make_engine(f"postgresql+psycopg2://user:{PASSWORD}@127.0.0.1:{port}/books")
        with pytest.raises(DatabaseUnavailable) as refused, transaction(engine):
            pass
    told = str(refused.value)
    assert f"PostgreSQL at 127.0.0.1:{port}/books cannot be used: " in told
    assert "Is the server running, and is DISPATCHER_DATABASE_URL right?" in told
    assert PASSWORD not in told
    assert "\n" not in told
    assert session.is_transient(refused.value)


def test_a_wrong_password_is_told_without_the_password(database_url: str) -> None:
    engine = make_engine(
        make_url(database_url).set(password=PASSWORD).render_as_string(hide_password=False)
    )
    with pytest.raises(DatabaseUnavailable, match="authentication") as refused, transaction(engine):
        pass
    assert PASSWORD not in str(refused.value)


def test_a_url_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(SettingError, match="DISPATCHER_DATABASE_URL is wrong"):
        make_engine("books")


def test_every_session_has_the_limits_that_hold_nobody_up(engine: Engine) -> None:
    with transaction(engine) as connection:
        for name, value in session.SESSION_LIMITS.items():
            assert connection.scalar(text("SELECT current_setting(:name)"), {"name": name}) == value


def test_a_long_statement_is_allowed_for_one_transaction_only(engine: Engine) -> None:
    limits = text("SELECT current_setting('statement_timeout') || current_setting('lock_timeout')")
    with transaction(engine) as connection:
        allow_long_statements(connection)
        assert connection.scalar(limits) == "00"
    with transaction(engine) as connection:
        assert connection.scalar(limits) == "30s5s"


def test_a_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    def fail() -> None:
        with transaction(engine) as connection:
            connection.execute(text("INSERT INTO account (name) VALUES ('new')"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with transaction(engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM account")) == 0


def test_a_role_without_rights_is_told_in_one_sentence(engine: Engine) -> None:
    refused = pytest.raises(ServiceError, match="permission denied for table account")
    with refused, transaction(engine) as connection:
        connection.execute(text("SET LOCAL ROLE pg_monitor; SELECT name FROM account"))


def test_our_own_mistakes_are_not_called_an_absent_server(engine: Engine) -> None:
    with pytest.raises(ProgrammingError), transaction(engine) as connection:
        connection.execute(text("SELEC"))


def test_a_lock_of_the_fleet_has_one_holder_until_its_transaction_ends(engine: Engine) -> None:
    with transaction(engine) as first:
        assert try_lock(first, 7)
        with transaction(engine) as second:
            assert not try_lock(second, 7)
    with transaction(engine) as second:
        assert try_lock(second, 7)


def test_a_session_that_the_server_ended_may_be_tried_again(engine: Engine) -> None:
    def be_ended() -> None:
        with transaction(engine) as connection, transaction(engine) as other:
            own = connection.scalar(text("SELECT pg_backend_pid()"))
            other.execute(text("SELECT pg_terminate_backend(:own)"), {"own": own})
            connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable) as refused:
        be_ended()
    assert session.is_transient(refused.value)


def test_a_pool_without_a_free_connection_may_be_tried_again(database_url: str) -> None:
    engine = create_engine(database_url, pool_size=1, max_overflow=0, pool_timeout=0.01)
    with transaction(engine):
        with pytest.raises(DatabaseUnavailable, match="busy") as refused, transaction(engine):
            pass
        assert session.is_transient(refused.value)
    engine.dispose()
