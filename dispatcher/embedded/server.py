"""What the launcher needs to know of a server: PostgreSQL and Valkey each say it in their file."""

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dispatcher.embedded.account import Account, give
from dispatcher.embedded.directories import ServerDirectory
from dispatcher.own_files import open_own, read_own

Stops = tuple[tuple[int, float], ...]
"""Signals that end a server, each with the seconds it has to obey before the next one."""


@dataclass(frozen=True, slots=True)
class Command:
    """How to start a server, and the file that it reads as its standard input."""

    arguments: tuple[str, ...]
    stdin: Path = Path(os.devnull)


class Server(Protocol):
    """A server that can be started in its directory."""

    @property
    def title(self) -> str: ...

    @property
    def directory(self) -> ServerDirectory: ...

    @property
    def account(self) -> Account | None: ...

    @property
    def stops(self) -> Stops: ...

    def prepare(self) -> None:
        """Make what the first start needs; called with nobody else in the directory."""

    def command(self) -> Command: ...

    def answers(self) -> bool:
        """Whether the server of this directory answers."""

    @property
    def url(self) -> str:
        """Where it is reached, password included."""


def own_password(path: Path, account: Account | None) -> str:
    """The password in this file, made at the first call; only we and the account can read it."""
    if not path.exists():
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with open(open_own(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
            file.write(secrets.token_hex(16))
        give(new, account)
        new.rename(path)
    return read_own(path)


def empty_directory(path: Path, account: Account | None) -> None:
    """A new directory for the account alone, in place of what an interrupted start left there."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
    path.mkdir(mode=0o700)
    give(path, account)


def environment() -> dict[str, str]:
    """No variable of ours reaches a server: neither tokens nor settings such as PGDATA."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C"}
