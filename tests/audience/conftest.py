"""A scratch directory that every test must leave empty."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """Where preparations of this test work; whatever happened in it, nothing may stay there."""
    directory = tmp_path / "scratch"
    yield directory
    assert not directory.exists() or list(directory.iterdir()) == []
