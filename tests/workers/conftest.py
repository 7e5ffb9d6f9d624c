"""What the workers' tests start from."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest

from dispatcher.settings import Secret
from tests.workers.scripted_server import Script, ScriptedServer, serving
from workers.envelope import Envelope
from workers.push_api import PushApi

TOKEN = "secret-token"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def no_developers_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's proxies and certificates are none of the tests'."""
    for name in PROXY_VARIABLES + CA_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[[Script], ScriptedServer]]:
    """Starts servers that follow a script."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(serving(script))


@pytest.fixture
def push_api() -> Iterator[Callable[..., PushApi]]:
    """Makes clients of the Push API: `push_api(url, timeout=0.5)`."""
    with ExitStack() as stack:

        def make(url: str, timeout: float = 5) -> PushApi:
            client = PushApi(url, timeout=timedelta(seconds=timeout), slots=4)
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def envelope() -> Envelope:
    """A campaign's envelope."""
    return Envelope.of(Secret(TOKEN), "app", "winback", '{"ios":{"payload":{"text":"Hello"}}}')
