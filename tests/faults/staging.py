"""Sets the stage for a story: the sandbox, the proxies, and what the workers are told."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import redis
from sqlalchemy import NullPool, create_engine

from dispatcher.settings import DEFAULT_ACCOUNT, Secret, Settings
from tests.faults.servers import Mortals
from tests.faults.theatre import Theatre, Timing
from tests.proxy import proxied
from tests.sandbox.process import TOKEN
from tests.sandbox_process import running_push_api

_ROOT = Path(__file__).parents[2]


@contextmanager
def theatre(
    servers: Mortals,
    database_url: str,
    directory: Path,
    timing: Timing,
    *sandbox: str,
    broker_url: str | None = None,
) -> Iterator[Theatre]:
    """A stage over a database of its own, with an empty broker; `sandbox` are further options.

    The broker is Valkey unless `broker_url` names another; then Valkey keeps the rates.
    """
    with ExitStack() as stack:
        window = ["--window", str(timing.pack_id_window)]
        push_api = stack.enter_context(running_push_api(*window, *sandbox))
        _empty(servers.valkey.url)
        urls = (database_url, broker_url or servers.valkey.url, push_api.url)
        proxies = [stack.enter_context(proxied(url)) for url in urls]
        settings = replace(_settings(directory, timing, *urls), redis_url=servers.valkey.url)
        engine = create_engine(database_url, poolclass=NullPool)
        environment = _environment(directory, timing, *(proxy.url for proxy in proxies))
        if broker_url:
            environment["DISPATCHER_REDIS_URL"] = servers.valkey.url
        database, broker, api = proxies
        with ExitStack() as troupe:
            yield Theatre(
                servers,
                push_api,
                timing,
                settings,
                engine,
                directory,
                database,
                broker,
                api,
                environment,
                troupe,
            )


def _empty(valkey_url: str) -> None:
    """Let no earlier story's end reach into this one."""
    with redis.Redis.from_url(valkey_url) as client:
        client.config_set("maxmemory", "0")
        client.flushall()


def _settings(
    directory: Path, timing: Timing, database_url: str, broker_url: str, push_api_url: str
) -> Settings:
    return Settings(
        home=directory / "home",
        push_api_url=push_api_url,
        database_url=database_url,
        broker_url=broker_url,
        tokens={DEFAULT_ACCOUNT: Secret(TOKEN)},
        request_timeout=timedelta(seconds=timing.request_timeout),
        pack_id_window=timedelta(seconds=timing.pack_id_window),
    )


def _environment(
    directory: Path, timing: Timing, database_url: str, broker_url: str, push_api_url: str
) -> dict[str, str]:
    """The whole environment of a worker: nothing of the developer's reaches it."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_ROOT),
        "DISPATCHER_HOME": str(directory / "home"),
        "DISPATCHER_DATABASE_URL": database_url,
        "DISPATCHER_BROKER_URL": broker_url,
        "DISPATCHER_PUSH_API_URL": push_api_url,
        "DISPATCHER_USER_TOKEN": TOKEN,
        "DISPATCHER_REQUEST_TIMEOUT": str(timing.request_timeout),
        "DISPATCHER_PACK_ID_WINDOW": str(timing.pack_id_window),
    }
