"""Where members and secrets are told, and where they are not."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
import redis
from sqlalchemy import text
from sqlalchemy.engine import make_url

from dispatcher import Dispatcher
from dispatcher.books.failures import Failure
from dispatcher.embedded import ServerUrls
from dispatcher.embedded.pair import pair_of
from dispatcher.errors import ImpossibleInState
from tests.acceptance.conftest import NewProgram
from tests.acceptance.program import APP, CELERY, MESSAGE, Program
from tests.acceptance.refusals import SEND, Run
from tests.sandbox_process import PushApi, running_push_api
from tests.traces import traces
from tests.waiting import eventually

MEMBERS = [
    {"token": f"device-{number}-of-Mariä", "userId": f"maria.{number}@example.org"}
    for number in range(3)
]
FAULTS = (*(f"quote_{code}" for code in (1, 11, 28, 29, 30, 33, 99)), "cut_reply", None)
DEBUGGING = (*CELERY[:-1], "DEBUG")


def dumped(program: Program) -> str:
    """Every row of every table."""
    with program.database() as connection:
        tables = connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ).all()
        rows = [
            str(row)
            for table in tables
            for row in connection.scalars(text(f'SELECT CAST(one AS text) FROM "{table}" AS one'))
        ]
    return "\n".join(rows)


def named(told: str) -> list[str]:
    """Which identifiers of the members a text holds, or most of them."""
    values = [value for member in MEMBERS for value in member.values()]
    return [value for value in values if traces(told, value, shortest=9)]


def log_every_statement(program: Program) -> None:
    """What operators do to a server for a while."""
    with program.database() as connection:
        name = connection.scalar(text("SELECT current_database()"))
        for setting in ("log_statement = 'all'", "log_min_error_statement = 'error'"):
            connection.execute(text(f"ALTER DATABASE {name} SET {setting}"))


@pytest.fixture
def server_log(servers_home: Path) -> Path:
    """What PostgreSQL says; the embedded one, which tells no details of rows."""
    return pair_of(servers_home).postgresql.log


def sent(books: Dispatcher, push_api: PushApi, fault: str | None) -> str:
    """A campaign whose first request meets this fault; ended, however it is taken."""
    push_api.set_faults(next=[{"fault": fault}])
    campaign = books.enqueue(app_id=APP, message=MESSAGE, audience=MEMBERS)

    def rests() -> str | None:
        state = books.show(campaign).state
        return state if state in ("paused", "completed") else None

    if eventually(rests, within=30) == "paused":
        # What was in doubt may have been settled since, and with it the campaign.
        with suppress(ImpossibleInState):
            books.cancel(campaign)
    eventually(lambda: books.show(campaign).finished_at, within=30)
    return campaign


def test_whom_the_vendor_quotes_stands_in_no_log_and_after_a_purge_in_no_table(
    new_program: NewProgram, server_log: Path
) -> None:
    with running_push_api("--unreachable", "0.5") as push_api:
        program = new_program(DISPATCHER_PUSH_API_URL=push_api.url)
        log_every_statement(program)
        with program.worker(command=DEBUGGING) as worker, program.books() as books:
            ids = [sent(books, push_api, fault) for fault in FAULTS]
            told = str([(books.show(one), books.explain(one)) for one in ids])
            blamed = [
                failure
                for failure in books.failures(ids[-1])
                if isinstance(failure, Failure) and failure.precision == "member"
            ]
            logged = worker.said()

            assert named(logged) == []
            assert named(server_log.read_text(errors="replace")) == []
            assert named(told + str(blamed)) == []
            assert named(dumped(program))
            assert {one.member["userId"] for one in blamed} < {one["userId"] for one in MEMBERS}
            assert blamed

            assert program.run("purge", "--older-than", "0", "--yes").status == 0
            assert named(dumped(program)) == []
            reasons = {error.code: error.message for one in ids for error in books.show(one).errors}
    assert reasons[30] == "Invalid value for field"


TOKEN = 'Zq7/x9+K=@4mW&v2%Ty"8r'
DATABASE_PASSWORD = "Pw@4x:7/q?9#Zk%Lm"
BROKER_PASSWORD = "Rd@8v:1/h?6#Bj%Ns"
API_PASSWORD = "Ht@5c:3/g?2#Wd%Xf"
SECRETS = (TOKEN, DATABASE_PASSWORD, BROKER_PASSWORD, API_PASSWORD)

LOOKING = (
    ("dispatcher", "list"),
    ("dispatcher", "show", "last"),
    ("dispatcher", "explain", "last", "--json"),
    ("dispatcher", "failures", "last"),
    ("dispatcher", "account", "list"),
    ("dispatcher", "doctor"),
    ("celery", "-A", "workers", "inspect", "conf"),
    ("celery", "-A", "workers", "inspect", "stats"),
    ("celery", "-A", "workers", "report"),
)


def given_away(told: str) -> list[str]:
    return [part for secret in SECRETS for part in traces(told, secret)]


@pytest.fixture
def guarded(servers: ServerUrls, new_program: NewProgram) -> Iterator[tuple[Program, PushApi]]:
    """A program whose every secret is hard to write, and its Push API."""
    plain = new_program()
    database = make_url(plain.environment["DISPATCHER_DATABASE_URL"])
    with plain.database() as connection:
        connection.execute(
            text(f"CREATE ROLE guarded LOGIN SUPERUSER PASSWORD '{DATABASE_PASSWORD}'")
        )
    broker = plain.environment["DISPATCHER_BROKER_URL"]
    with redis.Redis.from_url(broker) as valkey:
        valkey.acl_setuser(
            "guarded",
            enabled=True,
            reset=True,
            passwords=[f"+{BROKER_PASSWORD}"],
            keys=["*"],
            channels=["*"],
            categories=["+@all"],
        )
    login = f"guarded:{quote(BROKER_PASSWORD, safe='')}@"
    with running_push_api("--token", TOKEN) as push_api:
        scheme, _, place = push_api.url.partition("://")
        api = f"{scheme}://guarded:{quote(API_PASSWORD, safe='')}@{place}"
        yield (
            plain.having(
                DISPATCHER_USER_TOKEN=TOKEN,
                DISPATCHER_DATABASE_URL=database.set(
                    username="guarded", password=DATABASE_PASSWORD
                ).render_as_string(hide_password=False),
                DISPATCHER_BROKER_URL=f"redis://{login}{broker.rpartition('@')[2]}",
                DISPATCHER_PUSH_API_URL=f"{api}?user_token={quote(TOKEN, safe='')}",
            ),
            push_api,
        )
    with plain.database() as connection:
        connection.execute(text("DROP OWNED BY guarded; DROP ROLE guarded"))


@contextmanager
def overheard(broker_url: str) -> Iterator[list[str]]:
    """Everything that goes through the broker while the block runs."""
    heard: list[str] = []
    with redis.Redis.from_url(broker_url, socket_timeout=60) as client:
        line = client.connection_pool.get_connection()
        line.send_command("MONITOR")

        def listen() -> None:
            while not (heard and "the end" in heard[-1]):
                heard.append(str(line.read_response()))

        listening = Thread(target=listen)
        listening.start()
        try:
            yield heard
        finally:
            client.echo("the end")
            listening.join(30)
            line.disconnect()
    assert len(heard) > 10


def test_a_secret_appears_in_no_output(
    guarded: tuple[Program, PushApi], servers: ServerUrls, servers_home: Path
) -> None:
    program, push_api = guarded
    with overheard(servers.broker_url) as heard:
        with program.worker(command=DEBUGGING) as worker, program.books() as books:
            for fault in ("code_11", "quote_11", "quote_1", "quote_99", None):
                sent(books, push_api, fault)
            said = [repr((books.show("last"), books.explain("last")))]
            for command in LOOKING:
                with program.start(*command) as looking:
                    said += looking.communicate(timeout=60)
        said.append(worker.said())
    said += [dumped(program), *heard]
    said += [log.read_text(errors="replace") for log in servers_home.rglob("log")]

    assert push_api.ledger()["accepted"] == 3
    assert [told for told in said if given_away(told)] == []
    assert any("Wrong user token" in told for told in said)


WRONG = (
    {"DISPATCHER_DATABASE_URL": f"postgresql://u:{DATABASE_PASSWORD}@127.0.0.1:1/x"},
    {"DISPATCHER_DATABASE_URL": f"postgresql://u:p@{TOKEN}@127.0.0.1:1/x"},
    {"DISPATCHER_DATABASE_URL": f"postgresql://127.0.0.1:1/x?password={quote(TOKEN)}&user=u"},
    {"DISPATCHER_BROKER_URL": f"redis://:{BROKER_PASSWORD}@127.0.0.1:1/0"},
    {"DISPATCHER_BROKER_URL": f"amqp://u:{quote(BROKER_PASSWORD, safe='')}@127.0.0.1:1/0"},
    {"DISPATCHER_PUSH_API_URL": f"http://u:{API_PASSWORD}@127.0.0.1:1/?user_token={TOKEN}"},
    {"DISPATCHER_PUSH_API_URL": f"http://u:p@ss@127.0.0.1:1/?user_token={quote(TOKEN)}"},
    {"DISPATCHER_PUSH_API_URL": f"gopher://u:{API_PASSWORD}@127.0.0.1:1/"},
    {"DISPATCHER_USER_TOKEN": None, "DISPATCHER_USER_TOKEN_FILE": TOKEN},
    {"DISPATCHER_USER_TOKEN": None, "DISPATCHER_USER_TOKEN_FILE": f"/{TOKEN * 20}"},
    {"DISPATCHER_AUDIENCE_URL": f"postgresql://u:{DATABASE_PASSWORD}@127.0.0.1:1/x"},
    {"DISPATCHER_AUDIENCE_URL": f"mysql+pymysql://u:p@{quote(TOKEN, safe='@')}@127.0.0.1:1/x"},
    {"DISPATCHER_QUEUE": f"redis://:{BROKER_PASSWORD}@host/0"},
    {"DISPATCHER_RATE": f"redis://:{BROKER_PASSWORD}@host/0"},
    {"DISPATCHER_NOTIFY_SECRET": f"whsec_{TOKEN}"},
    {"DISPATCHER_NOTIFY_ALLOW": f"redis://:{BROKER_PASSWORD}@host/0"},
)


@pytest.mark.parametrize("variables", WRONG)
def test_a_setting_that_is_wrong_is_told_without_a_secret(
    run: Run, variables: dict[str, str | None]
) -> None:
    urls = [value for value in variables.values() if value and "://" in value]
    ran = [
        run("doctor", **variables),
        run("doctor", "--json", **variables),
        run(*SEND, "--rejects", "/", **variables),
        run(*SEND, "--audience-sql", "SELECT 1 AS userId", **variables),
        *(run("migrate", url, **variables) for url in urls),
        *(run("send", "good.json", "--app-id", "a", "--audience", url) for url in urls),
        *(run(*SEND, "--audience-sql", "SELECT 1", "--audience-db", url) for url in urls),
    ]
    assert [one for one in ran if given_away(one.stdout + one.stderr)] == []
    assert all(one.status for one in ran)


@pytest.mark.parametrize("variables", [WRONG[0], WRONG[1], WRONG[4], WRONG[8]])
def test_a_worker_that_cannot_begin_tells_no_secret(
    program: Program, variables: dict[str, str | None]
) -> None:
    with program.having(**variables).start(*DEBUGGING) as worker:
        try:
            worker.wait(12)
        except subprocess.TimeoutExpired:
            worker.terminate()
        told = "".join(worker.communicate(timeout=30))
    assert told
    assert given_away(told) == []
