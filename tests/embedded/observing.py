"""What an outsider can see of a home's servers."""

from pathlib import Path

import psutil
import psycopg2
import redis

from dispatcher.embedded import ServerUrls


def processes_of(home: Path) -> list[psutil.Process]:
    """The servers' processes: they all work in their data."""
    seen = psutil.process_iter(["name", "ppid", "cwd"])
    return [process for process in seen if _works_in(home, process)]


def names_of(home: Path) -> set[str]:
    """The names of the servers' processes."""
    return {process.info["name"] for process in processes_of(home)}


def process_named(home: Path, name: str) -> psutil.Process:
    """The server itself, not one of the processes that it has started."""
    found = [process for process in processes_of(home) if process.info["name"] == name]
    ids = {process.pid for process in found}
    return next(process for process in found if process.info["ppid"] not in ids)


def query(urls: ServerUrls, statement: str) -> list[tuple[object, ...]]:
    """The rows of one statement; empty where it returns none."""
    address = urls.database_url.replace("postgresql+psycopg2", "postgresql")
    connection = psycopg2.connect(address)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def broker_settings(urls: ServerUrls) -> dict[str, str]:
    """Valkey's configuration."""
    with redis.Redis.from_url(urls.broker_url, decode_responses=True) as client:
        settings: dict[str, str] = client.config_get()
        return settings


def answers(urls: ServerUrls) -> bool:
    """Whether both servers do."""
    return query(urls, "SELECT 1") == [(1,)] and bool(broker_settings(urls))


def passwords(urls: ServerUrls) -> list[str]:
    """The secrets in the URLs."""
    return [
        url.partition("@")[0].rpartition(":")[2] for url in (urls.database_url, urls.broker_url)
    ]


def _works_in(home: Path, process: psutil.Process) -> bool:
    directory = process.info["cwd"]
    return directory is not None and Path(directory).is_relative_to(home)
