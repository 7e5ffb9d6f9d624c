"""The two servers of a home: where they are, and what they are made of."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dispatcher import locks
from dispatcher.embedded.account import Account, default_account, owner_of
from dispatcher.embedded.ancestry import check_ancestry
from dispatcher.embedded.binaries import Search, find_postgresql, find_valkey
from dispatcher.embedded.directories import (
    ServerDirectory,
    copies_directory,
    embedded_directory,
    make,
)
from dispatcher.embedded.postgresql import PostgreSQL
from dispatcher.embedded.valkey import Valkey
from dispatcher.errors import EmbeddedServerError
from dispatcher.own_files import check_directory

_TURN = 90
"""Seconds to wait for another process that starts or stops the same servers."""
_A_KILL = 0.5
"""Seconds for a process to end that has just been killed."""
_STARTING = (
    f"Process {{pid}} has been at these servers for {_TURN} seconds: wait for it, or end it."
)
_OWNED = "These servers belong to process {pid} and end with it: end that one first."


@dataclass(frozen=True, slots=True)
class ServerUrls:
    """Where the servers are reached, passwords included."""

    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)

    @property
    def libpq_url(self) -> str:
        """The database's URL in the form that psql takes, too."""
        return self.database_url.replace("postgresql+psycopg2://", "postgresql://", 1)


@dataclass(frozen=True, slots=True)
class Pair:
    """The directories of a home's two servers; they need not exist yet."""

    path: Path
    account: Account | None

    @property
    def postgresql(self) -> ServerDirectory:
        return ServerDirectory(self.path / "postgresql")

    @property
    def valkey(self) -> ServerDirectory:
        return ServerDirectory(self.path / "valkey")


def pair_of(home: Path) -> Pair:
    """The servers of this home; nothing is made.

    Raises OSError where somebody else may have put these directories there, or a link.
    """
    check_ancestry(home)
    account = default_account()
    path = embedded_directory(home, account)
    pair = Pair(path, owner_of(path / "postgresql" / "data", account))
    for directory in (path, pair.postgresql.path, pair.valkey.path):
        if os.path.lexists(directory):
            check_directory(directory)
    return pair


@contextmanager
def one_starter(home: Path) -> Iterator[Pair]:
    """The home's servers, made ready to be started, with no other process at it meanwhile."""
    with os_errors_told(home):
        check_ancestry(home)
        home.mkdir(parents=True, exist_ok=True)
        pair = pair_of(home)
        for directory in (pair.path, pair.postgresql.path, pair.valkey.path):
            make(directory, open_to_all=pair.account is not None)
        with locks.alone(pair.path / "launch.lock", within=_TURN, busy=_STARTING):
            yield pair


def ownership(pair: Pair) -> AbstractContextManager[None]:
    """Hold the servers, which no other process has; the system lets go when this process ends.

    Raises EmbeddedServerError where another one has them.
    """
    return locks.alone(pair.path / "owner.lock", within=_A_KILL, busy=_OWNED)


@contextmanager
def os_errors_told(home: Path) -> Iterator[None]:
    """What the system refuses is told in a sentence."""
    try:
        yield
    except OSError as error:
        raise EmbeddedServerError(
            f"The servers of {home} cannot be handled; {error.filename or 'a file'}: "
            f"{error.strerror}."
        ) from error


def programs(pair: Pair, *, durable: bool) -> tuple[PostgreSQL, Valkey]:
    """The servers to start; EmbeddedServerError where their programs are not installed."""
    search = Search(pair.account, copies_directory)
    return (
        PostgreSQL(pair.postgresql, pair.account, find_postgresql(search), durable),
        Valkey(pair.valkey, pair.account, find_valkey(search)),
    )
