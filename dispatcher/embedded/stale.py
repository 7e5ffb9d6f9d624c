"""PostgreSQL's note of the server that has its data, when that server is gone.

PostgreSQL itself believes the note while any process, even a dead one that nobody has waited for,
or a stranger, bears the number in it.
"""

import os
import subprocess
from pathlib import Path

from dispatcher.own_files import read_own


def remove_stale_pid_file(data: Path) -> None:
    """Called by the holder of the directory's lock, when no server of ours can be alive in it."""
    note = data / "postmaster.pid"
    if os.path.lexists(note) and not _is_served(data, note):
        note.unlink()


def _is_served(data: Path, note: Path) -> bool:
    """Whether somebody else started a server by hand in these data: PostgreSQL will say so."""
    number = read_own(note).partition("\n")[0].strip()
    return number.isdecimal() and str(data) in _command_line(number)


def _command_line(number: str) -> str:
    """Empty for a process that is dead or a zombie."""
    try:
        if Path("/proc/self").exists():
            return Path(f"/proc/{number}/cmdline").read_text(errors="replace").replace("\0", " ")
        ps = ["ps", "-ww", "-o", "command=", "-p", number]
        return subprocess.run(ps, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""
