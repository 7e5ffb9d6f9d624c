"""Homes for embedded servers, in which nothing runs any more when the test is over."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatcher import embedded


@pytest.fixture(scope="session")
def made_home() -> Iterator[Path]:
    """A home whose servers have been started once: a copy of it saves a test the first start."""
    with embedded.temporary_home() as home:
        # Durable, so that it is shut down in order and its copies have nothing to recover.
        with embedded.running(home):
            pass
        yield home


@pytest.fixture
def home(made_home: Path, new_home: Path) -> Path:
    """A home whose servers have run before."""
    subprocess.run(["cp", "-a", f"{made_home}/.", str(new_home)], check=True)
    return new_home


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A home that nobody has used."""
    with embedded.temporary_home() as home:
        yield home
        embedded.stop(home)
