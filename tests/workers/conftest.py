"""What the workers' tests start from."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine

from dispatcher.books.session import make_engine
from dispatcher.lifecycle import usable_window
from dispatcher.settings import Secret, Settings
from tests.certificates import Certificate, self_signed
from tests.proxy import Proxy, proxied
from tests.sandbox_process import PushApi as Vendor
from tests.sandbox_process import running_push_api
from tests.workers.scripted_server import Script, ScriptedServer, serving
from workers.campaign_cache import CampaignCache
from workers.courier import Courier
from workers.envelope import Envelope
from workers.group_commit import GroupCommit
from workers.push_api import PushApi
from workers.rate_limit import RateLimit
from workers.withholding import Withholding

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


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The test's own way to its database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def courier(tmp_path: Path, engine: Engine) -> Iterator[Callable[..., Courier]]:
    """Makes what delivering needs: `courier(url, timeout=1, database_url=...)`."""
    with ExitStack() as stack:

        def make(
            url: str,
            *,
            timeout: float = 5,
            window: float = 600,
            database: Engine = engine,
            limit: RateLimit | None = None,
            closing: Callable[[], bool] = lambda: False,
            wake_relay: Callable[[], None] = lambda: None,
            nobody_waits: Callable[[], bool] = lambda: False,
            enlist: Callable[[Callable[[], None]], bool] = lambda _work: False,
            longest_kept: int = 1_000_000,
            token: str = "sandbox-token",
        ) -> Courier:
            settings = Settings(
                home=tmp_path,
                push_api_url=url,
                tokens={"default": Secret(token)},
                request_timeout=timedelta(seconds=timeout),
                pack_id_window=timedelta(seconds=window),
            )
            client = PushApi(url, timeout=settings.request_timeout, slots=4)
            stack.callback(client.close)
            worker = "w/1"
            commit = GroupCommit(
                database,
                worker=worker,
                lease=settings.lease,
                window=usable_window(settings.pack_id_window, settings.request_timeout),
                patience=settings.time_to_begin,
            )
            return Courier(
                settings=settings,
                engine=database,
                campaigns=CampaignCache(database),
                group_commit=commit,
                push_api=client,
                rate_limit=limit or RateLimit(None),
                withholding=Withholding(database),
                worker=worker,
                closing=closing,
                wake_relay=wake_relay,
                nobody_waits=nobody_waits,
                enlist=enlist,
                longest_kept=longest_kept,
            )

        yield make


@pytest.fixture(scope="module")
def one_vendor() -> Iterator[Vendor]:
    """A Push API for all these tests: each campaign has pack_ids of its own."""
    with running_push_api() as vendor:
        yield vendor


@pytest.fixture
def vendor(one_vendor: Vendor) -> Vendor:
    """The Push API with empty books and no faults."""
    one_vendor.ask("DELETE", "ledger")
    one_vendor.set_faults(latency=0.0, next=[])
    return one_vendor


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate that nobody trusts yet."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS, which the clients of this test trust."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.path))
    return certificate.context()


@pytest.fixture
def redis(broker_url: str) -> Iterator[Redis]:
    """A connection to the broker, which is empty."""
    with Redis.from_url(broker_url) as client:
        yield client


@pytest.fixture
def broker_road(broker_url: str) -> Iterator[Proxy]:
    """A way to the broker that can be shut."""
    with proxied(broker_url) as road:
        yield road
