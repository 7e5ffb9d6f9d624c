"""Where the servers' files are: in DISPATCHER_HOME, or where their account can read them."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dispatcher.embedded.account import Account, can_enter
from dispatcher.embedded.sockets import socket_directory
from dispatcher.errors import EmbeddedServerError
from dispatcher.own_files import check_directory

NAME = "embedded"
_ROOT_PLACES = (Path("/var/lib/dispatcher"), Path(tempfile.gettempdir()) / "dispatcher-root")


@dataclass(frozen=True, slots=True)
class ServerDirectory:
    """One server's files. Only `data` and `sockets` belong to the account that it runs as."""

    path: Path

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def log(self) -> Path:
        """What the server said since its last start; what it said before has `.previous`."""
        return self.path / "log"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def holder(self) -> Path:
        """Who holds the lock."""
        return self.path / "holder.json"

    @property
    def sockets(self) -> Path:
        """Where it listens; not below `path` where that is too long."""
        return socket_directory(self.path)

    @property
    def password(self) -> Path:
        return self.path / "password"


def embedded_directory(home: Path, account: Account | None) -> Path:
    """The directory of a home's servers, which the account can reach; it need not exist yet.

    A home that only root can enter, as below /root, has it in /var/lib. What exists once stays.
    """
    inside = home.absolute() / NAME
    if account is None or inside.is_dir():
        return inside
    for place in _ROOT_PLACES:
        if _is_roots(place / _key(home)):
            return place / _key(home)
    if not home.is_dir():
        return inside
    return inside if can_enter(home, account) else _root_place() / _key(home)


def copies_directory() -> Path:
    """Where root keeps copies of programs for an account that cannot read the installed ones."""
    directory = _root_place() / "programs"
    make(directory, open_to_all=True)
    return directory


def make(directory: Path, *, open_to_all: bool) -> None:
    """A directory of ours; others may pass through it, or nobody but we may.

    Raises OSError where there is a link, or what belongs to somebody else.
    """
    if not os.path.lexists(directory):
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o711 if open_to_all else 0o700)
    check_directory(directory)


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A home for `running` that is gone afterwards; the servers of root can reach it too."""
    home = Path(tempfile.mkdtemp(prefix="dispatcher-"))
    try:
        home.chmod(0o711)
        yield home
    finally:
        shutil.rmtree(home)


def _key(home: Path) -> str:
    return hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]


def _root_place() -> Path:
    """The first place that root can have for himself and others can pass through."""
    for place in _ROOT_PLACES:
        try:
            make(place, open_to_all=True)
        except OSError:
            continue
        if _is_roots(place):
            return place
    raise EmbeddedServerError(
        "There is no directory for the servers' data that PostgreSQL's user could read: set "
        "DISPATCHER_HOME to one."
    )


def _is_roots(directory: Path) -> bool:
    # Not stat: in a directory where all may write, a link of somebody else's may bear the name.
    return directory.is_dir() and directory.lstat().st_uid == 0
