"""Connections to the books: their limits, and what a person reads when something is wrong."""

import io
import socket
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from dispatcher.books import limits, transitions
from dispatcher.books.session import (
    adopt,
    allow_long_statements,
    each_alone,
    make_engine,
    place_of,
    transaction,
    try_lock,
)
from dispatcher.books.troubles import concerns_its_rows, is_transient
from dispatcher.errors import (
    DatabaseUnavailable,
    DispatcherError,
    OptionError,
    ServiceError,
    SettingError,
)
from dispatcher.settings import read_settings
from tests.integration.builders import ACCEPTED, LEASE, WINDOW, Books
from tests.workers.scripted_server import Peer, serving

PASSWORD = "s3cr3t"
MEMBER = "anna@example.org"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine with two connections."""
    engine = make_engine(database_url, connections=2)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("given", ["\0", "anna\0", "\ud800"])
def test_what_is_no_text_is_its_callers_mistake_and_is_not_told(engine: Engine, given: str) -> None:
    with pytest.raises(OptionError) as refused, transaction(engine) as connection:
        connection.execute(text("SELECT CAST(:given AS text)"), {"given": given})
    assert "holds a NUL (U+0000) or half of a surrogate pair" in str(refused.value)
    assert "anna" not in str(refused.value)
    assert concerns_its_rows(refused.value)
    with transaction(engine) as connection:
        assert connection.scalar(text("SELECT CAST(:given AS text)"), {"given": "é"}) == "é"


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
    assert is_transient(refused.value)


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


def test_every_transaction_has_the_limits_that_hold_nobody_up(engine: Engine) -> None:
    with transaction(engine) as connection:
        for name, value in limits.LIMITS.items():
            assert connection.scalar(text("SELECT current_setting(:name)"), {"name": name}) == value


def test_a_statement_alone_has_the_same_limits_and_the_settings_act(engine: Engine) -> None:
    with each_alone(engine).connect() as connection:
        query = "SELECT current_setting(%(name)s), '100%%'"
        for name, value in limits.LIMITS.items():
            found = connection.exec_driver_sql(query, {"name": name}).one()
            assert tuple(found) == (value, "100%")
        with pytest.raises(OperationalError, match="statement timeout"):
            connection.exec_driver_sql("SET LOCAL statement_timeout = 50; SELECT pg_sleep(20)")


def test_nothing_of_a_session_is_used_or_left(books: Books) -> None:
    campaign = books.campaign(2)
    campaign.attempt(ACCEPTED)
    with each_alone(books.engine).connect() as connection:
        transitions.exchange(
            connection, {}, [(campaign.id, 2)], worker="w", lease=LEASE, window=WINDOW
        )
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.cursor() as cursor:
            for left in LEFT_IN_A_SESSION:
                cursor.execute(left)
                assert cursor.fetchall() == [], left
            assert not driver.notices


LEFT_IN_A_SESSION = (
    "SELECT name FROM pg_settings WHERE source = 'session' AND name !~ '^transaction_'",
    "SELECT name FROM pg_prepared_statements",
    "SELECT objid FROM pg_locks WHERE locktype = 'advisory'",
    "SELECT name FROM pg_cursors WHERE is_holdable",
    "SELECT pg_listening_channels()",
    "SELECT relname FROM pg_class WHERE relpersistence = 't'",
)


def test_the_limits_that_do_not_act_are_named(engine: Engine) -> None:
    with transaction(engine) as connection:
        assert limits.not_acting(connection) == []
        connection.execute(text("SET LOCAL lock_timeout = 0; SET LOCAL DateStyle = 'SQL, DMY'"))
        assert limits.not_acting(connection) == ["lock_timeout = 0", "DateStyle = SQL, DMY"]


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
    refused = pytest.raises(ServiceError, match=r'refused .* at or near "SELEC" \(SQLSTATE 42601\)')
    with refused as told, transaction(engine) as connection:
        connection.execute(text("SELEC"))
    assert not is_transient(told.value)


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
            other.execute(text("SELECT pg_terminate_backend(:own, 5000)"), {"own": own})
            connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable) as refused:
        be_ended()
    assert is_transient(refused.value)


def test_a_pool_without_a_free_connection_may_be_tried_again(database_url: str) -> None:
    engine = create_engine(database_url, pool_size=1, max_overflow=0, pool_timeout=0.01)
    with transaction(engine):
        with pytest.raises(DatabaseUnavailable, match="busy") as refused, transaction(engine):
            pass
        assert is_transient(refused.value)
    engine.dispose()


def pid_of(engine: Engine) -> int:
    """The server's process of the connection that the pool gives next."""
    with transaction(engine) as connection:
        return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def raise_in(engine: Engine, code: str) -> None:
    """Let the server raise what it raises under this code."""
    with transaction(engine) as connection:
        raising = f"RAISE EXCEPTION 'because' USING ERRCODE = '{code}'"
        connection.execute(text(f"DO $$ BEGIN {raising}; END $$"))


@pytest.mark.parametrize(
    "code", ["25006", "25P03", "25P04", "08006", "08P01", *(f"57P0{n}" for n in range(1, 6))]
)
def test_a_connection_that_met_the_end_of_its_session_is_not_used_again(
    database_url: str, code: str
) -> None:
    engine = make_engine(database_url, connections=1)
    before = pid_of(engine)
    with pytest.raises(DatabaseUnavailable) as refused:
        raise_in(engine, code)
    assert is_transient(refused.value)
    assert pid_of(engine) != before
    engine.dispose()


@pytest.mark.parametrize("code", ["22003", "23505", "40001", "53100", "57014", "XX000", "P0001"])
def test_every_other_error_is_ours_and_leaves_the_connection(database_url: str, code: str) -> None:
    engine = make_engine(database_url, connections=1)
    before = pid_of(engine)
    with pytest.raises(DispatcherError, match="because"):
        raise_in(engine, code)
    assert pid_of(engine) == before
    engine.dispose()


def test_what_the_driver_says_without_a_code_is_ours_too(engine: Engine) -> None:
    def close_and_ask() -> None:
        with transaction(engine) as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.close()
            connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable, match="connection already closed"):
        close_and_ask()
    assert pid_of(engine)


def test_a_server_that_only_reads_is_told_and_not_kept(database_url: str) -> None:
    """Sessions that began while it did would go on so after it writes again."""
    engine, other = make_engine(database_url), make_engine(database_url)
    name = make_url(database_url).database
    write = text("INSERT INTO account (name) VALUES ('new') ON CONFLICT DO NOTHING")
    with transaction(other) as connection:
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    reads = pytest.raises(DatabaseUnavailable, match="only reads: it is a standby, or")
    with reads as refused, transaction(engine) as connection:
        connection.execute(write)
    assert is_transient(refused.value)
    with transaction(other) as connection:
        connection.execute(text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
    with transaction(engine) as connection:
        connection.execute(write)
    engine.dispose()
    other.dispose()


def test_the_first_transaction_after_the_servers_restart_works(
    engine: Engine, database_url: str
) -> None:
    with transaction(engine), transaction(engine):
        pass  # two idle connections
    restarting = make_engine(database_url)
    with transaction(restarting) as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert pid_of(engine)
    restarting.dispose()


@pytest.mark.parametrize("form", ["{dead},{alive}/{name}?", "/{name}?host={dead}&host={alive}&"])
def test_of_several_hosts_the_one_that_writes_is_found(database_url: str, form: str) -> None:
    url = make_url(database_url)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{unused.getsockname()[1]}"
        alive = f"127.0.0.1:{url.port}"
        login = f"postgresql://{url.username}:{url.password}@"
        given = login + form.format(dead=dead, alive=alive, name=url.database)
        given += "target_session_attrs=read-write"
        settings = read_settings({"DISPATCHER_DATABASE_URL": given})
        engine = make_engine(settings.require_database_url())
        assert pid_of(engine)
        assert place_of(engine) == f"{dead},{alive}/{url.database}"
        engine.dispose()


def test_an_applications_engine_that_commits_by_itself_has_transactions_of_ours(
    database_url: str,
) -> None:
    given = create_engine(database_url, isolation_level="AUTOCOMMIT")
    engine = adopt(given)
    insert = text("INSERT INTO account (name) VALUES (:name)")
    with pytest.raises(ServiceError, match="duplicate key"), transaction(engine) as connection:
        connection.execute(insert, [{"name": "new"}, {"name": "new"}])
    with given.connect() as theirs:
        assert theirs.scalar(text("SELECT count(*) FROM account")) == 0
        theirs.execute(insert, {"name": "theirs"})
    with transaction(engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM account")) == 1
    given.dispose()


@pytest.mark.parametrize("given", ["postgresql://h/d", create_engine("sqlite://")])
def test_an_engine_that_cannot_serve_is_refused(given: Engine) -> None:
    with pytest.raises(OptionError, match=r"^engine is .*: give "):
        adopt(given)


def test_a_server_whose_words_cannot_be_read_cannot_be_used() -> None:
    said = "SFATAL\0VFATAL\0C57P03\0Mle système démarre\0\0".encode("latin-1")

    def refuse(peer: Peer) -> None:
        peer.send(b"E" + (len(said) + 4).to_bytes(4) + said)
        peer.hang()

    with serving(refuse) as server:
        engine = make_engine(
            f"postgresql+psycopg2://u@127.0.0.1:{server.port}/books?sslmode=disable"
        )
        with pytest.raises(DatabaseUnavailable) as refused, transaction(engine):
            pass
    assert "/books cannot be used: what it says is not UTF-8" in str(refused.value)
    assert is_transient(refused.value)


_SEEN = text("CREATE TEMPORARY TABLE seen (member text CHECK (member = ''))")


def _insert(connection: Connection) -> None:
    connection.execute(_SEEN)
    connection.execute(text("INSERT INTO seen VALUES (:member)"), {"member": MEMBER})


def _copy(connection: Connection) -> None:
    connection.execute(_SEEN)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.copy_expert("COPY seen FROM STDIN", io.StringIO(f"{MEMBER}\n"))


@pytest.mark.parametrize("write", [_insert, _copy])
def test_what_a_refused_row_holds_is_in_no_traceback(
    engine: Engine, write: Callable[[Connection], None]
) -> None:
    with pytest.raises(ServiceError) as caught, transaction(engine) as connection:
        write(connection)
    told = "".join(traceback.format_exception(caught.value))
    assert "violates check constraint" in told
    assert "Failing row" not in told
    assert MEMBER not in told
