"""The key of the console's sessions: what the books hold of them signs nobody in without it.

Programs that serve the same console, on several machines, have to have the same.
"""

import os
import secrets
import stat
from contextlib import suppress
from hashlib import sha256
from hmac import digest
from pathlib import Path

from dispatcher.errors import SettingError
from dispatcher.own_files import open_own
from dispatcher.redaction import remember
from dispatcher.settings import Settings

VARIABLE = "DISPATCHER_CONSOLE_SECRET_FILE"
_NAME = "console-secret"
_SHORTEST = 32
_LONGEST = 4_096
_OTHERS = stat.S_IRWXO | stat.S_IWGRP


def digest_of(settings: Settings, *texts: str) -> str:
    """The keyed digest (HMAC-SHA-256) of these texts.

    Raises SettingError where the key cannot be read or made, or others can read it.
    """
    said = "\0".join(texts).encode("utf-8", "surrogatepass")
    return digest(_key(settings), said, sha256).hex()


def check(settings: Settings) -> None:
    """Raise SettingError unless there is a key, which is made where none is named."""
    _key(settings)


def _key(settings: Settings) -> bytes:
    named = settings.console_secret_file
    path = settings.home / _NAME if named is None else named
    try:
        if named is None and not path.exists():
            _make(path)
        key = _read(path, follow=named is not None)
    except OSError as error:
        raise SettingError(
            f"{VARIABLE}: {path} cannot be read or made: {error.strerror}. Name a file that holds "
            f"{_SHORTEST} characters or more, as of `openssl rand -hex 32`."
        ) from error
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise SettingError(
            f"{VARIABLE}: {path} holds {len(key):,} characters, and {_SHORTEST} to {_LONGEST:,} "
            "make a key: `openssl rand -hex 32` prints one."
        )
    remember(key.decode("utf-8", "replace"))
    return key


def _read(path: Path, *, follow: bool) -> bytes:
    """A file that we made is no link; one that was named may be, as orchestrators make them."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    with open(os.open(path, flags) if follow else open_own(path, os.O_RDONLY), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & _OTHERS:
            raise SettingError(
                f"{VARIABLE}: others can read or change {path} (its mode is "
                f"{stat.S_IMODE(mode):04o}): `chmod 600 {path}` keeps it to its owner."
            )
        return file.read(_LONGEST + 3).strip()


def _make(path: Path) -> None:
    """Whole or not at all, and the first of several that make it wins."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{_NAME}.{secrets.token_hex(4)}.new")
    with open(open_own(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w", encoding="ascii") as file:
        file.write(f"{secrets.token_hex(32)}\n")
    try:
        with suppress(FileExistsError):
            os.link(new, path)
    finally:
        new.unlink()
