"""The whole program by way of PgBouncer, and what it says where that is wrong."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dispatcher.embedded import ServerUrls
from tests.acceptance.program import Program
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
