"""Houses for stories: a database, a broker and a Push API that belong to nobody else."""

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from dispatcher.embedded import ServerUrls
from tests.acceptance.audiences import UNREACHABLE
from tests.acceptance.program import COMMAND, Program, Worker
from tests.acceptance.refusals import Run, runner
from tests.databases import fresh_database
from tests.sandbox_process import PushApi, running_push_api

_NOWHERE = "http://127.0.0.1:9/api/v1/push/send"
# Of Valkey's sixteen databases; a program that lasts for many stories shares its own with nobody.
_LASTING_BROKERS = itertools.cycle(range(1, 4))
_PASSING_BROKERS = itertools.cycle(range(4, 16))

NewProgram = Callable[..., Program]


@contextmanager
def _new_program(
    servers: ServerUrls, template: str, directory: Path, brokers: Iterator[int], **variables: str
) -> Iterator[Program]:
    scripts = str(Path(sys.executable).parent)
    with fresh_database(servers.database_url, template) as database_url:
        environment = {
            "PATH": os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)]),
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
            "DISPATCHER_DATABASE_URL": database_url,
            "DISPATCHER_BROKER_URL": _empty_broker(servers, next(brokers)),
            "DISPATCHER_HOME": str(directory / "home"),
            "DISPATCHER_PUSH_API_URL": _NOWHERE,
            "DISPATCHER_USER_TOKEN": "sandbox-token",
        }
        yield Program(environment | variables, directory)


def _empty_broker(servers: ServerUrls, number: int) -> str:
    """One of Valkey's databases, so that no two programs' workers take each other's messages."""
    url = f"{servers.broker_url.rpartition('/')[0]}/{number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def new_program(
    servers: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewProgram]:
    """Makes programs with books of their own, as in `new_program(DISPATCHER_RATE="10")`."""
    with ExitStack() as stack:

        def make(**variables: str) -> Program:
            directory = tmp_path_factory.mktemp("program")
            made = _new_program(
                servers, template_database, directory, _PASSING_BROKERS, **variables
            )
            return stack.enter_context(made)

        yield make


@pytest.fixture
def program(new_program: NewProgram) -> Program:
    """A program with empty books, whose Push API nobody answers."""
    return new_program()


@pytest.fixture(scope="package")
def house_api() -> Iterator[PushApi]:
    with running_push_api("--unreachable", str(UNREACHABLE)) as push_api:
        yield push_api


@pytest.fixture(scope="package")
def house(
    servers: ServerUrls,
    template_database: str,
    house_api: PushApi,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Program]:
    """A program whose campaigns go out: `dispatcher worker` runs, for all stories that let it."""
    directory = tmp_path_factory.mktemp("house")
    url = {"DISPATCHER_PUSH_API_URL": house_api.url}
    with _new_program(servers, template_database, directory, _LASTING_BROKERS, **url) as program:
        yield program


@pytest.fixture(scope="package")
def house_worker(house: Program) -> Iterator[Worker]:
    """The worker of the house."""
    with house.worker("house", command=COMMAND) as worker:
        yield worker


@pytest.fixture
def push_api(house_api: PushApi) -> PushApi:
    """The Push API of the house, with an empty ledger and in good health."""
    house_api.ask("DELETE", "ledger")
    house_api.set_faults(
        latency=0, probabilities={}, conditions=[], poisoned=[], quote_poisoned=True, next=[]
    )
    return house_api


@pytest.fixture(scope="package")
def empty_books(
    servers: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    """A program for commands that are all refused, so that its books stay empty."""
    directory = tmp_path_factory.mktemp("empty")
    with _new_program(servers, template_database, directory, _LASTING_BROKERS) as program:
        yield program


@pytest.fixture(scope="module")
def own_books(
    servers: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    """A program for the stories of one file, whose Push API nobody answers."""
    directory = tmp_path_factory.mktemp("own")
    with _new_program(servers, template_database, directory, _LASTING_BROKERS) as program:
        yield program


@pytest.fixture
def run(
    empty_books: Program, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Runs commands on the empty books."""
    return runner(empty_books, monkeypatch, capfd)
