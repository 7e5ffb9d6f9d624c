"""Where Debian's packages keep the servers of these tests, and which package is missing."""

import sys
from pathlib import Path

import pytest

_PROGRAMS = {
    "pgbouncer": "/usr/sbin/pgbouncer",
    "rabbitmq-server": "/usr/lib/rabbitmq/bin/rabbitmq-server",
}


def installed(package: str) -> Path:
    """The package's server program; the test fails with a sentence where it is not installed."""
    program = Path(_PROGRAMS[package])
    if not program.exists():
        pytest.fail(_sentence([package]), pytrace=False)
    return program


def _sentence(packages: list[str]) -> str:
    names = " ".join(packages)
    return (
        f"The tests in tests/interop need Debian's {' and '.join(packages)}: "
        f"`apt install --no-install-recommends {names}`, as root."
    )


if __name__ == "__main__":
    missing = [package for package, program in _PROGRAMS.items() if not Path(program).exists()]
    if missing:
        sys.exit(_sentence(missing))
