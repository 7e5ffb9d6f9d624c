"""Where a server's Unix socket is: in a directory that only its account and we can enter.

Nobody else can take the place of a server that was killed, and be told its password.
"""

import hashlib
import os
import re
import shutil
from pathlib import Path

from dispatcher.embedded.account import Account, give
from dispatcher.own_files import check_directory

_LONGEST_NAME = ".s.PGSQL.65535"
_MOST_BYTES = 103
"""Of a socket's path: macOS takes no more, Linux 107."""
_PLAIN = re.compile(r"/[A-Za-z0-9/._-]*")
"""What libpq, Celery and Flower all read alike in a URL."""
_SHORT = Path("/tmp")


def socket_directory(server: Path) -> Path:
    """The directory for the socket of the server in `server`; it need not exist yet.

    Inside, unless that is too long for a socket's path, or has characters that need quoting.
    """
    inside = server / "socket"
    path = os.fsencode(inside / _LONGEST_NAME)
    if len(path) <= _MOST_BYTES and _PLAIN.fullmatch(str(inside)):
        return inside
    return _short_base() / hashlib.sha256(os.fsencode(server)).hexdigest()[:16]


def make_socket_directory(directory: Path, account: Account | None) -> None:
    """Have it empty and private; called when no server of ours can be alive in it.

    Raises OSError where somebody has put something else in its place.
    """
    base = _short_base()
    if directory.parent == base:
        if not base.is_symlink() and not base.exists():
            base.mkdir(mode=0o700)
            base.chmod(0o700 if account is None else 0o711)
        check_directory(base)
    remove_socket_directory(directory)
    directory.mkdir(mode=0o700)
    give(directory, account)


def remove_socket_directory(directory: Path) -> None:
    """It is gone, with whatever a killed server left in it."""
    if directory.is_symlink():
        directory.unlink()
    elif directory.exists():
        shutil.rmtree(directory)


def _short_base() -> Path:
    """As tmux has one: a directory of ours, which nobody else can replace where all may write."""
    return _SHORT / f"dispatcher-{os.geteuid()}"
