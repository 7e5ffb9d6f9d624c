"""A browser for the whole run, a console for each file, and windows for each test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Browser

from dispatcher import Dispatcher
from dispatcher.embedded import ServerUrls
from tests.acceptance.houses import LASTING, furnished
from tests.acceptance.http_api import Api, running_api
from tests.acceptance.program import COMMAND, Program, Worker
from tests.browser import chromium
from tests.browser.visitor import Visitor, visiting
from tests.sandbox_process import PushApi, running_push_api

Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; each visitor has a context of their own in it."""
    with chromium.running() as browser:
        yield browser


@pytest.fixture(scope="module")
def push_api() -> Iterator[PushApi]:
    """The Push API of this file's campaigns."""
    with running_push_api() as push_api:
        yield push_api


@pytest.fixture(scope="module")
def program(
    servers: ServerUrls,
    template_database: str,
    push_api: PushApi,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Program]:
    """The program whose console this file's tests look at."""
    directory = tmp_path_factory.mktemp("console")
    url = {"DISPATCHER_PUSH_API_URL": push_api.url}
    with furnished(servers, template_database, directory, LASTING, **url) as program:
        yield program


@pytest.fixture(scope="module")
def worker(program: Program) -> Iterator[Worker]:
    """A worker that sends what the console is told to send."""
    with program.worker(command=COMMAND) as worker:
        yield worker


@pytest.fixture(scope="module")
def api(program: Program) -> Iterator[Api]:
    """The running `dispatcher console`."""
    with running_api(program) as api:
        yield api


@pytest.fixture(scope="module")
def cookie_of(api: Api) -> Callable[[str], dict[str, str]]:
    """What lets a browser in, for a person of a role who is called like it."""
    place = api.url.removesuffix("/api/v1")

    @cache
    def signed_in(role: str) -> dict[str, str]:
        with api.program.books() as books:
            password = books.user_add(role, role)
            session = books.sign_in(role, password.reveal(), "127.0.0.1")
        return {"name": "dispatcher", "value": session.reveal(), "url": place}

    return signed_in


@pytest.fixture
def visit(
    browser: Browser, api: Api, cookie_of: Callable[[str], dict[str, str]]
) -> Iterator[Visit]:
    """Opens a window of the console, as in `visit("viewer", size=PHONE, color_scheme="dark")`."""
    place = api.url.removesuffix("/api/v1")
    with ExitStack() as stack:

        def visited(role: str | None = None, **options: Any) -> Visitor:
            given = [] if role is None else [cookie_of(role)]
            opened = visiting(browser, place, cookies=given, **options)
            return stack.enter_context(opened)

        yield visited


@contextmanager
def somebody(browser: Browser, api: Api, books: Dispatcher, name: str) -> Iterator[Visitor]:
    """The window of somebody who is not the others."""
    place = api.url.removesuffix("/api/v1")
    password = books.user_add(name, "operator").reveal()
    session = books.sign_in(name, password, "127.0.0.1").reveal()
    cookie = {"name": "dispatcher", "value": session, "url": place}
    with visiting(browser, place, cookies=[cookie]) as visitor:
        yield visitor
