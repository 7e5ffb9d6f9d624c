"""Houses for stories: a database, a broker and a Push API that belong to nobody else."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from dispatcher.embedded import ServerUrls
from tests.acceptance.audiences import UNREACHABLE
from tests.acceptance.houses import LASTING, PASSING, furnished
from tests.acceptance.program import COMMAND, Program, Worker
from tests.acceptance.refusals import Run, runner
from tests.sandbox_process import PushApi, running_push_api

NewProgram = Callable[..., Program]


@pytest.fixture
def new_program(
    servers: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NewProgram]:
    """Makes programs with books of their own, as in `new_program(DISPATCHER_RATE="10")`."""
    with ExitStack() as stack:

        def make(**variables: str) -> Program:
            directory = tmp_path_factory.mktemp("program")
            made = furnished(servers, template_database, directory, PASSING, **variables)
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
    with furnished(servers, template_database, directory, LASTING, **url) as program:
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
    with furnished(servers, template_database, directory, LASTING) as program:
        yield program


@pytest.fixture(scope="module")
def own_books(
    servers: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    """A program for the stories of one file, whose Push API nobody answers."""
    directory = tmp_path_factory.mktemp("own")
    with furnished(servers, template_database, directory, LASTING) as program:
        yield program


@pytest.fixture
def run(
    empty_books: Program, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Runs commands on the empty books."""
    return runner(empty_books, monkeypatch, capfd)
