"""Which of the system's users the servers run as: PostgreSQL refuses to run as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dispatcher.errors import EmbeddedServerError

NAMES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the system to whom root drops for the servers."""

    uid: int
    gid: int


def default_account() -> Account | None:
    """Who runs the servers that root starts: postgres, else nobody; None where we are not root."""
    if os.geteuid() != 0:
        return None
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in NAMES:
        if name in users:
            return Account(users[name].pw_uid, users[name].pw_gid)
    raise EmbeddedServerError(
        "PostgreSQL refuses to run as root, and this system has neither a user `postgres` nor a "
        "user `nobody`: run the program as an ordinary user."
    )


def owner_of(data: Path, default: Account | None) -> Account | None:
    """Data that exist are served by their owner; `default` where there are none, or root's."""
    if default is None or not data.is_dir() or data.is_symlink():
        return default
    found = data.lstat()
    return default if found.st_uid == 0 else Account(found.st_uid, found.st_gid)


def name_of(account: Account | None) -> str | None:
    """The name of the user that this is, ours where it is None; None where the user has no name."""
    try:
        return pwd.getpwuid(os.geteuid() if account is None else account.uid).pw_name
    except KeyError:
        return None


def give(path: Path, account: Account | None) -> None:
    """Make the account its owner, where it is not us; of a link, never of what it leads to."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def succeeds(command: list[str], account: Account) -> bool:
    """Whether the command ends well when this account runs it."""
    try:
        finished = subprocess.run(
            command,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return finished.returncode == 0


def can_enter(directory: Path, account: Account) -> bool:
    """Whether the account may go through this directory to what is below it."""
    return succeeds(["test", "-x", str(directory)], account)
