"""Servers for the whole run, and for each test a database, a broker and a Push API of its own.

Each process of pytest-xdist has servers of its own, which end with it.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest
import redis

from dispatcher import redaction
from dispatcher.books.schema import migrate
from dispatcher.books.session import make_engine
from dispatcher.embedded import ServerUrls, temporary_home
from tests.certificates import Authority, authority
from tests.databases import fresh_database, name_of
from tests.on_ports import running_on_ports
from tests.sandbox_process import PushApi, running_push_api

# A shell's background job ignores Ctrl-C, and so would every program that a test starts from it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes to make says on a busy machine nothing about the test, and a gate is to
# say the same of the same commit: examples are drawn anew with HYPOTHESIS_RANDOM=1.
hypothesis.settings.register_profile(
    "busy",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=not os.environ.get("HYPOTHESIS_RANDOM"),
)
hypothesis.settings.load_profile("busy")


@pytest.fixture(autouse=True)
def own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test gives for a secret is hidden in no other test's words."""
    monkeypatch.setattr(redaction, "_known", dict(redaction._known))


@pytest.fixture(scope="session")
def servers_home() -> Iterator[Path]:
    """Where the servers of this run keep their files."""
    with temporary_home() as home:
        yield home


@pytest.fixture(scope="session")
def servers(servers_home: Path) -> Iterator[ServerUrls]:
    """PostgreSQL and Valkey, as fast as they can be when nothing has to outlive the run."""
    with running_on_ports(servers_home, durable=False) as urls:
        yield urls


@pytest.fixture(scope="session")
def template_database(servers: ServerUrls) -> Iterator[str]:
    """The name of a database with the newest schema, of which each test gets a copy."""
    with fresh_database(servers.database_url) as url:
        engine = make_engine(url)
        migrate(engine)
        engine.dispose()
        yield name_of(url)


@pytest.fixture
def database_url(servers: ServerUrls, template_database: str) -> Iterator[str]:
    """A database with the newest schema and nothing in it."""
    with fresh_database(servers.database_url, template_database) as url:
        yield url


@pytest.fixture
def empty_database_url(servers: ServerUrls) -> Iterator[str]:
    """A database that nobody has migrated."""
    with fresh_database(servers.database_url) as url:
        yield url


@pytest.fixture
def broker_url(servers: ServerUrls) -> str:
    """A Valkey with nothing in it."""
    with redis.Redis.from_url(servers.broker_url) as client:
        client.flushall()
    return servers.broker_url


@pytest.fixture
def environment(database_url: str, broker_url: str, tmp_path: Path) -> dict[str, str]:
    """The whole environment for a program of ours: nothing of the developer's reaches it."""
    scripts = str(Path(sys.executable).parent)
    return {
        "PATH": os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)]),
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "DISPATCHER_DATABASE_URL": database_url,
        "DISPATCHER_BROKER_URL": broker_url,
        "DISPATCHER_HOME": str(tmp_path / "home"),
        "DISPATCHER_USER_TOKEN": "sandbox-token",
    }


@pytest.fixture(scope="session")
def certificate_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that issues the certificates of this run's servers."""
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def sandbox() -> Iterator[Callable[..., PushApi]]:
    """Starts Push APIs with the given options, as in `sandbox("--latency", "0.03")`."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(running_push_api(*options))
