"""The whole program by way of PgBouncer, and what it says where that is wrong."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from dispatcher.books.schema import check_schema, migrate
from dispatcher.books.session import make_engine, transaction
from dispatcher.embedded import ServerUrls
from dispatcher.errors import DatabaseUnavailable
from tests.acceptance.program import Program
from tests.integration.reading import assert_values_stay
from tests.interop.pgbouncer import PgBouncer, running_pgbouncer
from tests.sandbox_process import PushApi

AUDIENCE = "userId\n" + "".join(f"player-{n}\n" for n in range(2_500)) + "jürgen\n"


@pytest.fixture(params=["transaction", "session"])
def pooler(request: pytest.FixtureRequest, servers: ServerUrls) -> Iterator[PgBouncer]:
    """A PgBouncer in front of PostgreSQL, in each mode that keeps a transaction together."""
    with running_pgbouncer(servers.database_url, request.param) as pooler:
        yield pooler


@pytest.fixture
def program(environment: dict[str, str], tmp_path: Path) -> Program:
    """The program in a directory of its own."""
    return Program(environment, tmp_path)


def test_a_campaign_goes_out_by_way_of_pgbouncer(
    pooler: PgBouncer,
    program: Program,
    empty_database_url: str,
    sandbox: Callable[..., PushApi],
) -> None:
    push_api = sandbox()
    program = program.having(
        DISPATCHER_DATABASE_URL=pooler.url(empty_database_url),
        DISPATCHER_PUSH_API_URL=push_api.url,
    )
    assert program.ask("migrate")["before"] is None
    audience = program.file("audience.csv", AUDIENCE)
    with program.worker():
        campaign = program.send(audience)
        ended = program.until(campaign, "completed", within=60)
        checks = {check["name"]: check for check in program.run("doctor", "--json").document}
    assert ended["members"]["delivered"] == 2_501
    assert program.show(campaign)["members"] == ended["members"]
    assert program.ask("verify", campaign["id"])["findings"] == []
    assert checks["limits"]["result"] == "ok", checks
    assert push_api.pushes({"userId": "jürgen"})[0] == 1


def test_a_pooler_that_keeps_no_transaction_is_refused_in_a_sentence(
    servers: ServerUrls, program: Program, database_url: str
) -> None:
    with running_pgbouncer(servers.database_url, "statement") as pooler:
        program = program.having(DISPATCHER_DATABASE_URL=pooler.url(database_url))
        for verb in (["migrate"], program.send_command(program.file("audience.csv", AUDIENCE))):
            ran = program.run(*verb)
            assert ran.status == 1
            assert "pool_mode = transaction" in ran.stderr
            assert ran.stderr.count("\n") == 1
        checks = {check["name"]: check for check in program.run("doctor", "--json").document}
    assert "pool_mode = transaction" in checks["database"]["words"]


def test_what_a_former_client_left_in_the_session_changes_nothing(
    servers: ServerUrls, database_url: str
) -> None:
    left = (
        "SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard'; SET row_security = on;"
        "SET TimeZone = 'Asia/Kathmandu'; SET extra_float_digits = -15; SET statement_timeout = 0;"
        "SET client_encoding = 'LATIN1'; SET search_path = 'elsewhere'; SET lock_timeout = 1;"
        "SET default_transaction_isolation = 'serializable'; SET standard_conforming_strings = off"
    )
    with running_pgbouncer(servers.database_url, "transaction", default_pool_size="1") as pooler:
        former = psycopg2.connect(pooler.url(database_url).replace("+psycopg2", ""))
        former.autocommit = True
        with former.cursor() as cursor:
            cursor.execute(left)
        engine = make_engine(pooler.url(database_url))
        assert_values_stay(engine)
        engine.dispose()
        with former.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout')")
            assert cursor.fetchall() == [("0",)]
        former.close()


def test_the_options_of_the_url_hold_by_way_of_pgbouncer(
    pooler: PgBouncer, empty_database_url: str
) -> None:
    owner = make_engine(empty_database_url)
    with transaction(owner) as connection:
        connection.execute(text("CREATE SCHEMA push"))
    owner.dispose()
    engine = make_engine(f"{pooler.url(empty_database_url)}?options=-csearch_path=push")
    migrate(engine)
    check_schema(engine)
    assert_values_stay(engine)
    with transaction(engine) as connection:
        assert connection.scalar(text("SELECT to_regclass('public.campaign')")) is None
    engine.dispose()


def test_a_pooler_that_lets_nobody_in_is_told_in_a_sentence(
    servers: ServerUrls, database_url: str
) -> None:
    with running_pgbouncer(servers.database_url, "transaction", max_client_conn="1") as pooler:
        url = pooler.url(database_url)
        assert "authentication failed" in refusal(
            make_url(url).set(password="wrong").render_as_string(hide_password=False)
        )
        first = make_engine(url)
        with transaction(first):
            assert "no more connections allowed (max_client_conn)" in refusal(url)
        first.dispose()
        pooler.stop()
        assert "Connection refused" in refusal(url)


def refusal(url: str) -> str:
    """What a person is told who connects."""
    engine = make_engine(url)
    with pytest.raises(DatabaseUnavailable) as told, transaction(engine):
        pass
    assert "\n" not in str(told.value)
    return str(told.value)


def test_a_worker_waits_for_a_pooler_that_comes_later(
    servers: ServerUrls, program: Program, database_url: str
) -> None:
    with running_pgbouncer(servers.database_url, "transaction") as pooler:
        pooler.stop()
        program = program.having(DISPATCHER_DATABASE_URL=pooler.url(database_url))
        with program.start("celery", "-A", "workers", "worker", "-c", "2") as worker:
            assert worker.stderr is not None
            try:
                said = iter(worker.stderr.readline, "")
                assert any("Waiting for it" in line for line in said)
                pooler.start()
                assert any("the database answers" in line for line in said)
            finally:
                worker.kill()
