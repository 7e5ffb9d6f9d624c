"""A place on the disk for one preparation: private, and gone when it ends, however it ends.

Signals that would end the process at once (a service's stop, a terminal that closes) remove it
first. Each directory is held by a lock on it. The kernel gives up the locks of a killed process, so
the next preparation sees which directories nobody holds, and removes them.
"""

import errno
import fcntl
import os
import secrets
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from dispatcher.errors import AudienceError

PREFIX = "audience-"
"""Begins the name of each preparation's directory."""

_ENDING = (signal.SIGTERM, signal.SIGHUP)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def scratch_directory(parent: Path) -> Iterator[Path]:
    """A new directory under `parent` (made if need be), removed at the end.

    Leftovers of killed producers in `parent` are removed first. Raises AudienceError where the
    directory cannot be made, or what is written to it finds no room.
    """
    with _outliving_signals(), ExitStack() as held:
        try:
            directory = held.enter_context(_made(parent))
        except OSError as error:
            raise AudienceError(
                f"The scratch directory {parent} cannot be used: {error.strerror}; make room and "
                "give yourself the right to write there, or set DISPATCHER_HOME to another place."
            ) from error
        try:
            yield directory
        except OSError as error:
            if not is_full(error):
                raise
            raise AudienceError(
                f"The scratch directory {parent} cannot hold the audience: {error.strerror}; make "
                "room, or set DISPATCHER_HOME to another place."
            ) from error


def leftovers(parent: Path) -> list[Path]:
    """The directories of killed producers in `parent`, in which their members are left."""
    try:
        with _locked(parent, fcntl.LOCK_SH):
            found = sorted(parent.glob(f"{PREFIX}*"))
            return [path for path in found if _with_leftover(path, lambda _: True)]
    except OSError:
        return []


def remove_leftovers(parent: Path) -> int:
    """Remove them; how many went. What a living producer holds stays."""
    try:
        with _locked(parent, fcntl.LOCK_EX):
            return _remove_leftovers(parent)
    except OSError:
        return 0


def is_full(error: BaseException) -> bool:
    """Whether it says that the disk, or this user's share of it, has no room left."""
    return isinstance(error, OSError) and error.errno in _FULL


class _Ended(BaseException):
    """A signal came that ends this process."""


@contextmanager
def _outliving_signals() -> Iterator[None]:
    """Let what is inside be undone before a signal ends this process, as it would have at once.

    An application that does something of its own then is left to it; so are threads, which Python
    lets have no say.
    """
    mine = [each for each in _ENDING if signal.getsignal(each) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        mine = []
    came: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        came.append(number)
        if len(came) == 1:  # a second one does not break off what the first one began
            raise _Ended

    for each in mine:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in mine:
            signal.signal(each, signal.SIG_DFL)
        if came:
            os.kill(os.getpid(), came[0])


@contextmanager
def _made(parent: Path) -> Iterator[Path]:
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as held:
        # While a directory is made but not locked yet, nobody may take it for a leftover.
        with _locked(parent, fcntl.LOCK_EX):
            _remove_leftovers(parent)
            directory = parent / f"{PREFIX}{secrets.token_hex(8)}"
            # Before it is made, so that an interruption at any moment leaves none.
            held.callback(shutil.rmtree, directory, ignore_errors=True)
            directory.mkdir(mode=0o700)
            held.enter_context(_locked(directory, fcntl.LOCK_EX))
        yield directory


def _remove_leftovers(parent: Path) -> int:
    return sum(_with_leftover(path, _removed) for path in parent.glob(f"{PREFIX}*"))


def _with_leftover(directory: Path, act: Callable[[Path], bool]) -> bool:
    """What it comes to for a directory that nobody holds; False for any other.

    One is held by a living producer, or it is another user's, and then that user's to remove.
    """
    if directory.is_symlink():
        return False
    try:
        with _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return act(directory)
    except OSError:
        return False


def _removed(directory: Path) -> bool:
    shutil.rmtree(directory, ignore_errors=True)
    return not directory.exists()


@contextmanager
def _locked(directory: Path, how: int) -> Iterator[None]:
    """Hold the lock on a directory; raises OSError where `how` says not to wait for it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
