"""Programs of ours that end with the process that started them, however it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dispatcher.embedded import guardian
from dispatcher.errors import EmbeddedServerError

_STOPS = ((signal.SIGTERM, 40.0), (signal.SIGKILL, 5.0))


@contextmanager
def attached(
    arguments: Sequence[str], *, environment: Mapping[str, str], directory: Path, log: Path
) -> Iterator[None]:
    """Run `python -m` these arguments for as long as the block runs, at most as this process lives.

    Raises EmbeddedServerError where it cannot be started; what it says goes to the file `log`.
    """
    lock = os.open(os.devnull, os.O_RDONLY)
    note = log.with_suffix(".json")
    note.unlink(missing_ok=True)
    order: dict[str, object] = {
        "command": [sys.executable, "-P", "-m", *arguments],
        "stdin": os.devnull,
        "directory": str(directory),
        "uid": None,
        "gid": None,
        "lock": lock,
        "note": str(note),
        "holder": {},
        "attached": True,
        "stops": _STOPS,
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            env=dict(environment),
            start_new_session=True,
            pass_fds=[lock],
        )
    os.close(lock)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        # Its output ends when the program runs, of which it leaves the note, or could not start.
        process.stdout.read()
        if not note.exists():
            raise not_started(arguments[0], log)
        # Leaving the block closes the pipe, which ends the program, and waits for that.
        yield


def not_started(program: str, log: Path) -> EmbeddedServerError:
    """The error of a program that does not start, with the end of what it said."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return EmbeddedServerError(f"{program} does not start; it said last: {' / '.join(lines[-3:])}")
