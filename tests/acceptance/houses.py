"""Where programs live: a database, a broker and a directory that belong to nobody else."""

import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from dispatcher.embedded import ServerUrls
from tests.acceptance.program import Program
from tests.databases import fresh_database

NOWHERE = "http://127.0.0.1:9/api/v1/push/send"
# Of Valkey's sixteen databases; a program that lasts for many stories shares its own with nobody.
LASTING = itertools.cycle(range(1, 4))
PASSING = itertools.cycle(range(4, 16))


@contextmanager
def furnished(
    servers: ServerUrls, template: str, directory: Path, brokers: Iterator[int], **variables: str
) -> Iterator[Program]:
    """A program with books of its own, in `directory`, whose Push API nobody answers.

    `brokers` gives the number of its database in Valkey; `variables` replace those of the program.
    """
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
            "DISPATCHER_PUSH_API_URL": NOWHERE,
            "DISPATCHER_USER_TOKEN": "sandbox-token",
        }
        yield Program(environment | variables, directory)


def _empty_broker(servers: ServerUrls, number: int) -> str:
    """One of Valkey's databases, so that no two programs' workers take each other's messages."""
    url = f"{servers.broker_url.rpartition('/')[0]}/{number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url
