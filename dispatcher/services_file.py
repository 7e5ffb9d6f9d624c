"""The URLs of the embedded servers that `dispatcher services start` left running.

They are believed for as long as those servers hold their locks: of one that has died, another's
server may have taken the place.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from dispatcher import locks
from dispatcher.own_files import read_own, write_own

SERVICES_FILE = "services.json"
"""In DISPATCHER_HOME."""
_LOCKS = "locks"


def record(home: Path, urls: Mapping[str, str], held: Mapping[str, Path]) -> None:
    """Write the URLs down by name, each with the lock that its server holds."""
    of_servers = {name: str(lock) for name, lock in held.items()}
    write_own(home / SERVICES_FILE, json.dumps({**urls, _LOCKS: of_servers}))


def is_recorded(home: Path) -> bool:
    """Whether `start` left servers running that nobody has stopped since."""
    return (home / SERVICES_FILE).exists()


def running(home: Path) -> dict[str, str]:
    """Those of the URLs whose servers run now.

    Raises OSError where the file cannot be read or belongs to another user, and ValueError,
    TypeError or LookupError where it is not what `record` writes.
    """
    try:
        text = read_own(home / SERVICES_FILE, owned=True)
    except FileNotFoundError:
        return {}
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError("it holds no names")
    held = {name: Path(path) for name, path in found.pop(_LOCKS).items()}
    urls = {name: _text(url) for name, url in found.items()}
    return {name: url for name, url in urls.items() if name in held and locks.is_held(held[name])}


def forget(home: Path) -> None:
    """No server of this home is left running any more."""
    (home / SERVICES_FILE).unlink(missing_ok=True)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value
