"""A place on the disk for one preparation: private, and gone when it ends, however it ends.

Each directory is held by a lock on a file in it. The kernel gives up the lock of a killed process,
so the next preparation sees which directories nobody holds, and removes them.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dispatcher.errors import AudienceError

_PREFIX = "audience-"
_LOCK = "held"


@contextmanager
def scratch_directory(parent: Path) -> Iterator[Path]:
    """A new directory under `parent` (made if need be), removed at the end.

    Leftovers of killed producers in `parent` are removed first. Raises AudienceError where the
    directory cannot be made.
    """
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(parent / ".lock", "ab") as gate:
            # Held while a directory is made but not locked yet: nobody may take it for a leftover.
            fcntl.flock(gate, fcntl.LOCK_EX)
            _remove_leftovers(parent)
            directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            held = open(directory / _LOCK, "ab")  # noqa: SIM115 - open as long as the directory
            fcntl.flock(held, fcntl.LOCK_EX)
    except OSError as error:
        raise AudienceError(
            f"The scratch directory {parent} cannot be used: {error.strerror}; free it, or set "
            "DISPATCHER_HOME to another."
        ) from error
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        held.close()


def _remove_leftovers(parent: Path) -> None:
    for directory in parent.glob(f"{_PREFIX}*"):
        # Another user's directory cannot be opened, and is that user's to remove.
        with suppress(OSError), open(directory / _LOCK, "ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
